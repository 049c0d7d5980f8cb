package admin

// successes are requests that are answered as they ought to be.
func successes() []situation {
	return []situation{
		situationOf(200, "", "GET", "/load_balance/status", ""),
		situationOf(200, "", "GET", "/load_balance/status", "").with(nil),
		situationOf(200, "", "GET", "/load_balance/pools", ""),
		situationOf(200, "", "GET", "/load_balance/pools", "").with(nil),
		situationOf(200, "", "GET", "/load_balance/pools/web", ""),
		situationOf(200, "", "GET", explainPath, ""),
		situationOf(200, "", "GET", allBackends, ""),
		situationOf(200, "", "GET", oneBackend, ""),
		situationOf(200, "", "GET", shortcut, ""),
		situationOf(200, "", "POST", allBackends+"?dry_run=true", newBackend),
		situationOf(200, "", "POST", shortcut+"?dry_run=true", newBackend),
		situationOf(200, "", "PUT", allBackends+"?dry_run=true", `[{"address": "127.0.0.1:9002", "labels": {"a": "b"}}, `+newBackend+`]`),
		situationOf(200, "", "PATCH", oneBackend+"?dry_run=true", `{"weight": 3}`),
		situationOf(200, "", "DELETE", oneBackend+"?dry_run=true&force=true", ""),
		situationOf(200, "", "DELETE", shortcut+"?dry_run=true&id=127.0.0.1:9001", ""),
		situationOf(201, "", "POST", allBackends+"?dry_run=false", newBackend),
		situationOf(201, "", "POST", allBackends, newBackend),
		situationOf(201, "", "POST", shortcut, newBackend),
		situationOf(200, "", "PUT", allBackends, `[{"address": "127.0.0.1:9002"}, `+newBackend+`]`, "Content-Type", "application/json; charset=UTF-8"),
		situationOf(200, "", "PUT", allBackends+"?force=true", `[]`),
		situationOf(200, "", "PATCH", oneBackend, `{"weight": 3}`),
		situationOf(200, "", "PATCH", oneBackend, `{}`),
		situationOf(200, "", "POST", oneDrain+"?dry_run=true", `{"deadline": "30s", "then": "remove"}`),
		situationOf(200, "", "POST", oneDrain+"?wait=10s", `{"deadline": "1d", "then": "remove"}`),
		situationOf(200, "", "POST", oneDrain+"?wait=10s", `{"deadline": "0s", "then": "maintenance"}`),
		situationOf(200, "", "POST", oneDrain+"?wait=10s&force=true", ""),
		situationOf(204, "", "DELETE", oneBackend, ""),
		situationOf(204, "", "DELETE", shortcut+"?id=127.0.0.1:9001", ""),
		situationOf(204, "", "DELETE", shortcut+"?address=127.0.0.1:9001", ""),
		situationOf(204, "", "DELETE", shortcut, `{"id": "127.0.0.1:9001"}`),
		situationOf(204, "", "DELETE", shortcut, `{"address": "http://127.0.0.1:09001/"}`),
	}
}
