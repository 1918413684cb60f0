"""Commands: complaints."""
