# Run on either server, directly and through the proxy: each as COM_QUERY, and by
# COM_STMT_PREPARE and COM_STMT_EXECUTE. Lines that begin with a flavor and a
# colon are for that server alone, those that begin with "prepared" are not sent as
# text: a syntax error there, of which the proxy's own reading of the row may tell.
SELECT 1
SELECT 1 + 1 AS two, 'text', NULL, 1.5, 1e10, x'00ff', b'101', DATE '2026-01-02', TRUE
SELECT * FROM item
SELECT * FROM item WHERE FALSE
SELECT * FROM wide
SELECT name FROM item WHERE id = 1
SELECT name AS n, price p FROM item AS i ORDER BY 1 DESC LIMIT 2
SELECT DISTINCT tag FROM item ORDER BY tag
SELECT tag, COUNT(*), SUM(price), AVG(price), MIN(name), MAX(name) FROM item GROUP BY tag ORDER BY tag
SELECT tag, COUNT(*) FROM item GROUP BY tag HAVING COUNT(*) > 1
SELECT tag, COUNT(*) FROM item GROUP BY tag WITH ROLLUP
SELECT i.name, l.n FROM item i JOIN line l ON l.item = i.id ORDER BY l.id
SELECT i.name, l.n FROM item i LEFT JOIN line l ON l.item = i.id ORDER BY i.id, l.id
SELECT i.name FROM item i WHERE EXISTS (SELECT 1 FROM line l WHERE l.item = i.id) ORDER BY i.id
SELECT (SELECT MAX(n) FROM line), (SELECT COUNT(*) FROM item)
SELECT id FROM item UNION SELECT id FROM line ORDER BY id
SELECT id FROM item UNION ALL SELECT id FROM line ORDER BY id LIMIT 3
SELECT * FROM (SELECT id, name FROM item WHERE id < 3) d ORDER BY id
SELECT * FROM names ORDER BY id
SELECT id, ROW_NUMBER() OVER (ORDER BY name), RANK() OVER (PARTITION BY tag ORDER BY price) FROM item ORDER BY id
WITH few AS (SELECT id FROM item WHERE id < 3) SELECT * FROM few ORDER BY id
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n
SELECT twice(21)
SELECT CAST('12' AS SIGNED), CAST(1 AS CHAR), CONVERT('x' USING utf8mb4), CAST('2026-01-02' AS DATETIME)
SELECT CONCAT('a', NULL), CONCAT_WS('-', 'a', NULL, 'b'), COALESCE(NULL, 2), IF(1, 'yes', 'no'), CASE 1 WHEN 1 THEN 'one' END
SELECT REPEAT('x', 300), LENGTH(REPEAT('x', 70000))
SELECT 'it''s', "double", 'back\\slash', 'new\nline', 'nul\0'
SELECT _utf8mb4'é', _latin1'é', N'n', X'41', 0x42
SELECT 1 /* comment */, 2 -- to the end
SELECT /* ifmatch is not this */ 3
SELECT 1 /*! + 1 */
SELECT 1 /*!99999 + 1 */
SELECT /*+ MAX_EXECUTION_TIME(1000) */ 4
SELECT `id` FROM `item` WHERE `id` = 2
SELECT item.id FROM item, line WHERE item.id = line.item AND line.id = 3
SELECT SQL_NO_CACHE 5
SELECT id FROM item FOR UPDATE
SELECT id FROM item LOCK IN SHARE MODE
SELECT id FROM item PROCEDURE ANALYSE()
SELECT id INTO @x FROM item WHERE id = 1
SELECT @x, @nothing, @y := 5, @y
SELECT SQL_CALC_FOUND_ROWS id FROM item LIMIT 1
SELECT FOUND_ROWS()
SELECT id INTO @x FROM item WHERE id = 99
SHOW WARNINGS
SELECT id INTO @x FROM item
SELECT 1 INTO OUTFILE '/no/such/folder/file'
SELECT JSON_EXTRACT(js, '$.a[2]'), JSON_LENGTH(js) FROM wide WHERE id = 1
SELECT nosuch FROM item
SELECT * FROM nosuch
SELECT * FROM nosuch.item
SELECT nosuch()
SELECT 1 FROM
SELEC 1
NONSENSE
(SELECT 1)
(SELECT 1) UNION (SELECT 2) ORDER BY 1 DESC
VALUES (1)
TABLE item
SELECT 1 = 1 AND NOT 0 OR NULL
SELECT 1 / 0
SHOW WARNINGS
SELECT CAST('12x' AS SIGNED)
SHOW WARNINGS
SHOW COUNT(*) WARNINGS
SHOW ERRORS
SELECT @@warning_count, @@error_count
SELECT 18446744073709551615 + 1
SHOW ERRORS
SELECT (SELECT id FROM item)
SELECT 'a' = 'A', 'a' COLLATE utf8mb4_bin = 'A'
SELECT DATABASE() IS NULL, SCHEMA() = DATABASE(), LEFT(USER(), 5), CURRENT_USER() LIKE 'root@%'
SELECT ROW_COUNT(), LAST_INSERT_ID()
INSERT INTO item(name, price) VALUES ('box', 3)
SELECT ROW_COUNT(), LAST_INSERT_ID()
INSERT INTO item(name, price) VALUES ('bag', 4), ('jar', 5)
SELECT LAST_INSERT_ID()
INSERT INTO item(name) VALUES ('pen')
SHOW WARNINGS
INSERT IGNORE INTO item(name) VALUES ('pen'), ('lid')
SHOW WARNINGS
INSERT INTO item(name) VALUES (NULL)
INSERT INTO item(nosuch) VALUES (1)
INSERT INTO item VALUES (1)
INSERT INTO item(name) VALUES ('much too long for the column that it has')
INSERT INTO item SET name = 'set', price = 7
INSERT INTO item(name, price) SELECT CONCAT(name, '2'), price FROM item WHERE id < 3
INSERT INTO item(id, name) VALUES (1, 'x') ON DUPLICATE KEY UPDATE price = 8
INSERT INTO item(id, name) VALUES (1, 'x') ON DUPLICATE KEY UPDATE price = 8
INSERT INTO item(id, name) VALUES (500, 'far') ON DUPLICATE KEY UPDATE price = VALUES(price)
REPLACE INTO item(id, name) VALUES (500, 'far')
REPLACE INTO item(id, name) VALUES (501, 'set')
INSERT INTO line VALUES (9, 999, 1)
INSERT INTO line VALUES (10, 1, -1)
INSERT INTO line VALUES (1, 1, 1)
UPDATE item SET price = 2 WHERE id = 1
UPDATE item SET price = 2 WHERE id = 1
SELECT ROW_COUNT()
UPDATE item SET price = price + 1 WHERE tag = 'a'
UPDATE item SET price = price + 1 ORDER BY id DESC LIMIT 2
UPDATE item SET name = 'ink' WHERE id = 1
UPDATE item SET nosuch = 1
UPDATE item i JOIN line l ON l.item = i.id SET i.price = 100 WHERE l.id = 3
UPDATE item SET price = 'abc' WHERE id = 1
UPDATE IGNORE item SET price = 'abc' WHERE id = 1
SHOW WARNINGS
UPDATE item SET price = 1 WHERE id = 12345
DELETE FROM line WHERE id = 3
DELETE FROM line WHERE id = 3
DELETE l FROM line l JOIN item i ON i.id = l.item WHERE i.name = 'nib'
DELETE FROM item WHERE id = 999
DELETE FROM log ORDER BY id LIMIT 1
TRUNCATE TABLE log
BEGIN
INSERT INTO log(what) VALUES ('in a transaction')
SAVEPOINT a
INSERT INTO log(what) VALUES ('behind a savepoint')
ROLLBACK TO SAVEPOINT a
ROLLBACK TO nosuch
RELEASE SAVEPOINT a
SELECT what FROM log
COMMIT
ROLLBACK
START TRANSACTION READ ONLY
INSERT INTO log(what) VALUES ('read only')
COMMIT
START TRANSACTION WITH CONSISTENT SNAPSHOT
SELECT COUNT(*) FROM log
COMMIT AND CHAIN
INSERT INTO log(what) VALUES ('chained')
ROLLBACK AND NO CHAIN NO RELEASE
SET autocommit = 0
INSERT INTO log(what) VALUES ('without autocommit')
SELECT COUNT(*) FROM log
ROLLBACK
SET autocommit = 1
SET TRANSACTION ISOLATION LEVEL READ COMMITTED
BEGIN
SELECT COUNT(*) FROM log
COMMIT
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ
XA START 'one'
INSERT INTO log(what) VALUES ('xa')
XA END 'one'
XA PREPARE 'one'
XA ROLLBACK 'one'
XA COMMIT 'nosuch'
SET @a = 1, @b = 'two', @c = NULL
SELECT @a, @b, @c
SET @a := @a + 1
SET NAMES latin1
SELECT 'caf�', name FROM item WHERE id = 5
SET NAMES utf8mb4
SET CHARACTER SET utf8mb4
SET character_set_results = NULL
SELECT name FROM item WHERE id = 5
SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci
SET NAMES nosuch
SET sql_mode = 'ANSI_QUOTES'
SELECT "name" FROM "item" WHERE id = 1
SET sql_mode = 'NO_BACKSLASH_ESCAPES'
SELECT 'a\', 'b'
SET sql_mode = 'PIPES_AS_CONCAT'
SELECT 'a' || 'b'
SET sql_mode = ''
INSERT INTO item(name) VALUES ('much too long for the column that it has')
SHOW WARNINGS
SET sql_mode = DEFAULT
SET sql_mode = 'nosuch'
SET SESSION nosuch = 1
SET GLOBAL max_allowed_packet = 'x'
SET time_zone = '+05:00'
SELECT ts FROM wide WHERE id = 1
SET time_zone = DEFAULT
SET timestamp = 1767323045
SELECT NOW(), CURDATE(), UNIX_TIMESTAMP()
SET timestamp = DEFAULT
SET sql_select_limit = 1
SELECT id FROM item
SET sql_select_limit = DEFAULT
SET insert_id = 700
INSERT INTO log(what) VALUES ('by insert_id')
SELECT LAST_INSERT_ID(), LAST_INSERT_ID(42)
SELECT LAST_INSERT_ID()
SET max_statement_time = 5
SET lock_wait_timeout = 50
SET SESSION wait_timeout = 28800
SHOW VARIABLES LIKE 'sql_mode'
SHOW VARIABLES LIKE 'character_set_c%'
SHOW SESSION VARIABLES WHERE Variable_name = 'autocommit'
SHOW TABLES LIKE 'it%'
SHOW FULL TABLES LIKE 'names'
SHOW COLUMNS FROM item
SHOW FULL COLUMNS FROM line
SHOW CREATE TABLE line
SHOW CREATE VIEW names
SHOW CREATE TABLE nosuch
SHOW DATABASES LIKE 'mysql'
SHOW CHARACTER SET LIKE 'latin1'
SHOW COLLATION LIKE 'utf8mb4_bin'
SHOW GRANTS FOR 'nobody'@'nowhere'
SHOW PRIVILEGES
SHOW TRIGGERS
SHOW EVENTS
SHOW OPEN TABLES LIKE 'nosuch'
SHOW STATUS LIKE 'nosuch'
SHOW NONSENSE
DESCRIBE item
DESC item name
EXPLAIN SELECT 1
EXPLAIN UPDATE item SET price = 1 WHERE id = 1
HELP 'nosuch'
USE nosuch_database
DO 1, SLEEP(0)
DO nosuch()
CHECKSUM TABLE line
CHECK TABLE line
ANALYZE TABLE log
LOCK TABLES item READ
SELECT COUNT(*) FROM item
SELECT COUNT(*) FROM line
INSERT INTO item(name) VALUES ('locked')
UNLOCK TABLES
LOCK TABLES item WRITE, line READ
UPDATE item SET price = 55 WHERE id = 1
UNLOCK TABLES
CREATE TEMPORARY TABLE tmp(id INT PRIMARY KEY, s TEXT)
INSERT INTO tmp VALUES (1, 'a'), (2, 'b')
SELECT * FROM tmp
UPDATE tmp SET s = 'c' WHERE id = 1
DROP TEMPORARY TABLE tmp
SELECT * FROM tmp
CREATE TABLE made(id INT PRIMARY KEY) ENGINE = InnoDB
CREATE TABLE made(id INT PRIMARY KEY)
CREATE TABLE IF NOT EXISTS made(id INT PRIMARY KEY)
SHOW WARNINGS
ALTER TABLE made ADD COLUMN v INT
ALTER TABLE made ADD COLUMN v INT
INSERT INTO made VALUES (1, 1), (2, 2)
ALTER TABLE made MODIFY v BIGINT
CREATE INDEX by_v ON made(v)
DROP INDEX by_v ON made
RENAME TABLE made TO made2
RENAME TABLE made2 TO made
INSERT INTO made SELECT id + 10, v FROM made
DROP TABLE made
DROP TABLE made
DROP TABLE IF EXISTS made
CREATE TABLE bad(id INT, id INT)
CREATE TABLE bad(id NOSUCHTYPE)
CREATE VIEW second AS SELECT id FROM line
SELECT * FROM second
DROP VIEW second
CREATE DATABASE mysql
DROP DATABASE nosuch_database
CREATE PROCEDURE out_and_inout(IN a INT, OUT b INT, INOUT c INT) BEGIN SET b = a * 2; SET c = c + 1; SELECT a; SELECT b, c; END
SET @c = 5
CALL out_and_inout(1, @b, @c)
SELECT @b, @c
CALL several()
CALL several(1)
CALL nosuch()
CREATE PROCEDURE fails() BEGIN SELECT 1; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'on purpose', MYSQL_ERRNO = 31001; SELECT 2; END
CALL fails()
SHOW WARNINGS
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'signalled'
SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'a warning'
SHOW WARNINGS
GET DIAGNOSTICS @n = NUMBER
GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT
SELECT @n, @m
RESIGNAL
PREPARE s FROM 'SELECT ? + 1, ?'
SET @p = 41, @q = 'it''s'
EXECUTE s USING @p, @q
EXECUTE s
EXECUTE s USING @p
PREPARE s FROM 'SELEC'
EXECUTE s USING @p, @q
PREPARE w FROM 'UPDATE item SET price = ? WHERE id = ?'
EXECUTE w USING @p, @p
DEALLOCATE PREPARE w
DEALLOCATE PREPARE w
SET @text = 'SELECT 7'
PREPARE s FROM @text
EXECUTE s
DROP PREPARE s
HANDLER item OPEN
HANDLER item READ FIRST
HANDLER item READ NEXT LIMIT 2
HANDLER item CLOSE
FLUSH TABLES line
FLUSH NONSENSE
KILL 4294967290
KILL QUERY 4294967290
LOAD DATA INFILE '/no/such/file' INTO TABLE log
CREATE USER 'someone'@'%' IDENTIFIED BY 'x'
GRANT SELECT ON *.* TO 'someone'@'%'
DROP USER 'someone'@'%'
DROP USER 'someone'@'%'
SELECT id, name, n FROM guarded WHERE id = 1
SELECT name FROM guarded ORDER BY id
SELECT COUNT(*) FROM guarded
SELECT g.name, i.name FROM guarded g JOIN item i ON i.id = g.id ORDER BY g.id
UPDATE guarded SET name = 'uno' WHERE id = 1
SELECT ROW_COUNT()
SHOW WARNINGS
UPDATE guarded SET n = n + 1 WHERE id = 2
UPDATE guarded SET name = 'x' WHERE id = 77
SELECT ROW_COUNT()
UPDATE guarded SET name = 'much too long for the column that it has' WHERE id = 1
SHOW WARNINGS
UPDATE guarded SET nosuch = 1 WHERE id = 1
INSERT INTO guarded(id, name) VALUES (4, 'four')
INSERT INTO guarded(id, name) VALUES (4, 'four')
INSERT INTO guarded(id, name) VALUES (5, 'five'), (6, 'six')
DELETE FROM guarded WHERE id = 4
DELETE FROM guarded WHERE id = 4
SELECT ROW_COUNT()
BEGIN
UPDATE guarded SET name = 'due' WHERE id = 2
SELECT name FROM guarded WHERE id = 2
ROLLBACK
SELECT name FROM guarded WHERE id = 2
SELECT ? + 1, ?
SELECT id, name FROM item WHERE id > ? ORDER BY id LIMIT 2
INSERT INTO log(what) VALUES (?)
INSERT INTO log(what) VALUES (CONCAT('number ', ?)), ('and another')
UPDATE item SET price = ? WHERE id = ?
UPDATE item SET nosuch = ? WHERE id = ?
DELETE FROM line WHERE n = ? AND id = ?
CALL out_and_inout(?, ?, ?)
CALL fails()
prepared: SELECT name FROM guarded WHERE id = 1 + ?
prepared: SELECT id, name FROM guarded WHERE id >= ? ORDER BY id
prepared: UPDATE guarded SET n = 5 + ? WHERE id = ?
prepared: UPDATE guarded SET n = 7 + ? WHERE id = ? + 1
prepared: UPDATE guarded SET nosuch = ? WHERE id = ?
prepared: INSERT INTO guarded(n, id) VALUES (?, 50 + ?)
prepared: DELETE FROM guarded WHERE n = ? AND id = ?
SET @x = ?
SELECT @x
SET SESSION session_track_state_change = 1
SET @y = 2
CREATE TEMPORARY TABLE tracked(id INT)
DROP TEMPORARY TABLE tracked
SET SESSION session_track_state_change = 0
SET SESSION session_track_transaction_info = 'STATE'
BEGIN
SELECT COUNT(*) FROM item
INSERT INTO log(what) VALUES ('tracked')
COMMIT
SET SESSION session_track_transaction_info = 'CHARACTERISTICS'
START TRANSACTION READ ONLY
SELECT 1 FROM item WHERE id = 1
ROLLBACK
SET SESSION session_track_transaction_info = 'OFF'
SET SESSION session_track_system_variables = '*'
SET SESSION sql_mode = '', SESSION lock_wait_timeout = 49
SET SESSION session_track_system_variables = ''
SET SESSION sql_mode = 'ANSI_QUOTES'
SELECT name FROM "guarded" WHERE id = 1
SET SESSION sql_mode = DEFAULT
SET SESSION session_track_schema = 0
SELECT name FROM guarded WHERE id = 1
UPDATE guarded SET name = 'untracked' WHERE id = 1
SET SESSION session_track_schema = DEFAULT, SESSION session_track_system_variables = DEFAULT
mariadb: SELECT * FROM item LIMIT 1 OFFSET 1
mariadb: INSERT INTO log(what) VALUES ('returned') RETURNING id, what
mariadb: DELETE FROM log WHERE what = 'returned' RETURNING what
mariadb: REPLACE INTO log(id, what) VALUES (1, 'replaced') RETURNING id
mariadb: EXECUTE IMMEDIATE 'SELECT 8'
mariadb: EXECUTE IMMEDIATE 'SELECT ?' USING 9
mariadb: SET STATEMENT max_statement_time = 5 FOR SELECT 10
mariadb: BEGIN NOT ATOMIC SELECT 11; SELECT 12; END
mariadb: CREATE OR REPLACE TABLE made(id INT PRIMARY KEY)
mariadb: DROP TABLE made
mariadb: CREATE SEQUENCE seq
mariadb: SELECT NEXT VALUE FOR seq, NEXTVAL(seq)
mariadb: DROP SEQUENCE seq
mariadb: SELECT 1 /*M! + 1 */, 2 /*M!100500 + 1 */
mariadb: SHOW EXPLAIN FOR 4294967290
mariadb: ANALYZE FORMAT=JSON SELECT nosuch
mysql: SELECT * FROM item WHERE id MEMBER OF ('[1, 2]') ORDER BY id
mysql: INSERT INTO item(id, name) VALUES (1, 'y') AS new ON DUPLICATE KEY UPDATE price = new.id
mysql: VALUES ROW(1, 2), ROW(3, 4)
mysql: TABLE log LIMIT 1
mysql: SELECT * FROM JSON_TABLE('[1,2]', '$[*]' COLUMNS(n INT PATH '$')) AS j
mysql: EXPLAIN FORMAT=TREE SELECT 1
mysql: SELECT id FROM item FOR UPDATE SKIP LOCKED
mysql: SET PERSIST nosuch = 1
mysql: SET resource_group_nosuch = 1
mysql: SELECT id FROM item INTERSECT SELECT item FROM line
mysql: SELECT GROUPING(tag), tag FROM item GROUP BY tag WITH ROLLUP
