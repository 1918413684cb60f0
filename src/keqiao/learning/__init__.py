"""What people made of their matches teaches the points of the stones; an operator decides whether they hold."""
