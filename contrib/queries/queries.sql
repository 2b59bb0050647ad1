-- SPDX-License-Identifier: GPL-2.0-or-later
-- What the SQL answers of docs/queries.md share; queries.jq has the same for jq. It finds the log's lines in `line`.

CREATE TABLE record AS SELECT
	json->>'$.seq' AS seq, json->>'$.ts' AS ts, json->>'$.boot' AS boot, json->>'$.type' AS type,
	json->>'$.sock' AS sock, json->>'$.proto' AS proto, json->>'$.state' AS state,
	json->>'$.laddr' AS laddr, json->>'$.lport' AS lport, json->>'$.raddr' AS raddr, json->>'$.rport' AS rport,
	coalesce(json->>'$.owner.proc', json->>'$.proc') AS proc, coalesce(json->>'$.owner.pid', json->>'$.pid') AS pid,
	coalesce(json->>'$.owner.comm', json->>'$.comm', '?') AS comm,
	json->>'$.error' AS error, json->>'$.error' IS NOT NULL OR json->>'$.abandoned' IS NOT NULL AS failed,
	json
FROM line;
DROP TABLE line;
CREATE INDEX record_type ON record(type, ts);
CREATE INDEX record_sock ON record(boot, sock);
CREATE INDEX record_proc ON record(boot, proc, type);
CREATE UNIQUE INDEX record_seq ON record(seq);

-- Both ends as text.
CREATE VIEW told AS SELECT *,
	CASE WHEN lport IS NULL THEN '-' ELSE laddr || ':' || lport END AS local,
	CASE WHEN rport IS NULL THEN '-' ELSE raddr || ':' || rport END AS remote
FROM record;

-- Processes are told again in each segment.
CREATE TABLE process AS
	SELECT boot, proc, min(seq) AS seq, min(ts) AS ts, max(json->>'$.exe') AS exe FROM record WHERE type = 'process' GROUP BY boot, proc;
CREATE INDEX process_proc ON process(boot, proc);

CREATE VIEW run AS SELECT seq, ts FROM record WHERE type = 'start';

-- One row a socket: its ends and owner as told last, when it was bound, listened, was connected, and `until`: when it was
-- closed, NULL where it is open. One that was closed while nobody recorded has no `close`: it was open until the next start
-- of the recorder at most.
CREATE VIEW life AS
WITH last AS (
	SELECT boot, sock, max(seq), proto, laddr, lport, raddr, rport, comm, pid
	FROM record WHERE sock IS NOT NULL AND type <> 'finding' AND lport IS NOT NULL GROUP BY boot, sock
), span AS (
	SELECT boot, sock, min(ts) AS first, max(seq) AS last_seq, max(json->>'$.ended') AS ended,
		min(coalesce(json->>'$.bound', CASE WHEN type = 'bind' AND error IS NULL THEN ts END)) AS bound,
		min(coalesce(json->>'$.listening', CASE WHEN type = 'listen' AND error IS NULL THEN ts
			WHEN type = 'snapshot' AND state = 'LISTEN' THEN ts END)) AS listening,
		min(json->>'$.established') AS established
	FROM record WHERE sock IS NOT NULL AND type <> 'finding' GROUP BY boot, sock
)
SELECT boot, sock, proto, laddr, lport, raddr, rport, comm, pid, first, bound, listening, established,
	coalesce(ended, (SELECT min(ts) FROM run WHERE run.seq > last_seq)) AS until
FROM last JOIN span USING (boot, sock);

-- A number for each IPv4 address; NULL for others.
CREATE VIEW ipv4 AS SELECT address,
	((json->>0) * 256 + (json->>1)) * 65536 + (json->>2) * 256 + (json->>3) AS number
FROM (SELECT DISTINCT raddr AS address, '[' || replace(raddr, '.', ',') || ']' AS json FROM record WHERE raddr LIKE '%.%.%.%');

-- (kind, name, number) of a whole log, for the comparison of two.
CREATE VIEW summary AS
WITH attempt AS (
	SELECT comm || ' to ' || remote || '/' || proto AS name, failed FROM told
	WHERE type IN ('connect', 'peer') AND rport IS NOT NULL
), ended AS (
	SELECT comm || ' to ' || remote || '/' || proto AS name, json->>'$.duration_us' AS us FROM told
	WHERE type = 'close' AND json->>'$.role' = 'client' AND json->>'$.established' IS NOT NULL AND rport IS NOT NULL
), ranked AS (
	SELECT name, us, row_number() OVER (PARTITION BY name ORDER BY us) AS rank, count(*) OVER (PARTITION BY name) AS n FROM ended
)
SELECT 'destination' AS kind, name, count(*) AS number FROM attempt GROUP BY name
UNION ALL SELECT 'failed %', name, sum(failed) * 100 / count(*) FROM attempt GROUP BY name
UNION ALL SELECT 'median us', name, us FROM ranked WHERE rank = (n * 50 + 99) / 100
UNION ALL SELECT 'finding', json->>'$.finding' || ' of ' || comm, count(DISTINCT (json->>'$.key') || (json->>'$.first'))
	FROM record WHERE type = 'finding' GROUP BY 2
UNION ALL SELECT 'listener', comm || ' on ' || laddr || ':' || lport || '/' || proto, count(*)
	FROM life WHERE listening IS NOT NULL GROUP BY 2;
