"""Who may do what: hosts, logins, CSRF, roles, and the headers that tell browsers to be strict."""
