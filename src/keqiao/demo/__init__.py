"""The demo city 澜江: fictional items and real open texts, loaded through the ordinary commands."""
