"""One module for each outside world; its library is imported inside, and its errors become ours here and only here."""
