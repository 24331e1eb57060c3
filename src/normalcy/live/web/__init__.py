"""The dashboard and its API: pages for people, JSON and metrics for programs.

request --> guard/ (host, login, CSRF, role) --> pages/ or api/ --> Engine (live.status) and store/
pages/ render templates/; static/ is what browsers load: style, htmx, and one ES module with a part for each view.

Who may do what: a *viewer* sees everything and gives verdicts; an *admin* also configures and manages users.
Without a login (loopback alone) everybody at this machine is an admin.
"""
