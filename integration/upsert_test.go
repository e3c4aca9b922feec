package integration

import "testing"

const stock = `
CREATE TABLE stock(id INT PRIMARY KEY, n INT, seen INT NULL, version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO stock(id, n) VALUES (1, 10), (2, 20), (3, 30)`

const (
	stocked     = "tables: {shop.stock: {version: version, ignore: [seen]}}"
	stockStrict = "tables: {shop.stock: {version: version, unread: refuse}}"
	src         = "; CREATE TABLE src(k INT, v INT); INSERT INTO src VALUES (1, 100), (4, 400)"
)

// stockIs is what the rows of stock are, as the server has them.
func stockIs(rows ...string) step {
	return do(direct, "SELECT id, n, version FROM stock ORDER BY id", gives(rows...))
}

func TestUpsert(t *testing.T) {
	const write1 = "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)"
	play(t, []scenario{
		{name: "is held against what was read", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, write1, affects(2)),
			do(A, "SELECT ROW_COUNT()", gives("2")),
			stockIs("1|11|2", "2|20|1", "3|30|1"),
			do(A, "UPDATE stock SET n=12 WHERE id=1", affects(1)), // its own write has renewed it
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, write1, conflict("ifmatch: version conflict on shop.stock id=1: expected version=3, found version=4")),
			do(A, "SHOW WARNINGS", matches("Error|1020|ifmatch: version conflict")),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("expected version=3, found version=4"), 1, 11),
			stockIs("1|5|4", "2|20|1", "3|30|1"),
		}},
		{name: "of an unread row raises the version", setup: stock, policy: stocked, steps: []step{
			do(A, write1, affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2), 1, 12),
			do(A, "INSERT INTO stock SET id=1, n=13 ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO stock(id, n) SELECT 1, 14 ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			stockIs("1|14|5", "2|20|1", "3|30|1"),
			do(A, "SHOW IFMATCH READS", gives()),
		}},
		{name: "of a new row counts as read", setup: stock, policy: stocked, steps: []step{
			do(A, "INSERT INTO stock(id, n) VALUES (4, 1) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(1)),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(1), 5, 1),
			do(B, "UPDATE stock SET n=2 WHERE id=4", affects(1)),
			do(B, "UPDATE stock SET n=2 WHERE id=5", affects(1)),
			do(A, "INSERT INTO stock(id, n) VALUES (4, 3) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=4: expected version=1, found version=2")),
			do(A, "UPDATE stock SET n=3 WHERE id=5", conflict("id=5: expected version=1, found version=2")),
		}},
		{name: "of a row that was read and is gone", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(B, "DELETE FROM stock WHERE id=1", affects(1)),
			do(A, write1, conflict("ifmatch: version conflict on shop.stock id=1: expected version=1, found no row")),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("found no row"), 1, 11),
			do(A, "INSERT /* ifmatch: version=1 */ INTO stock(id, n) VALUES (9, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=9: expected version=1, found no row")),
			stockIs("2|20|1", "3|30|1"),
		}},
		{name: "of several rows", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id<3", gives("10", "20")),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11), (2, 21), (3, 31), (4, 41) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(7)),
			stockIs("1|11|2", "2|21|2", "3|31|2", "4|41|1"),
			do(A, "UPDATE stock SET n=12 WHERE id=1", affects(1)),
			do(direct, "UPDATE stock SET n=1, version=version+1", affects(4)),
			do(A, "INSERT INTO stock(id, n) VALUES (8, 8), (2, 22) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=2: expected version=2, found version=3")),
			do(A, "UPDATE stock SET n=42 WHERE id=4", conflict("id=4: expected version=1, found version=2")),
			do(A, "UPDATE stock SET n=42 WHERE id=3", affects(1)), // written without having been read: unread still
			do(direct, "SELECT COUNT(*) FROM stock WHERE id=8", gives("0")),
		}},
		{name: "with unread: refuse", setup: stock, policy: stockStrict, steps: []step{
			do(A, write1, unread("ifmatch: unread row on shop.stock id=1: ")),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", unread("id=1"), 1, 12),
			do(A, "INSERT IGNORE INTO stock(id, n) VALUES (1, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", unread("id=1")),
			do(A, "INSERT INTO stock(id, n) VALUES (7, 1), (1, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", unread("id=1")),
			do(A, "INSERT INTO stock(id, n) VALUES (4, 1) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(1)),
			do(A, "INSERT INTO stock(id, n) VALUES (4, 2) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 12) ON DUPLICATE KEY UPDATE n=n+VALUES(n)", affects(2)), // relative
			do(A, "INSERT INTO stock(id, n) VALUES (?, 12) ON DUPLICATE KEY UPDATE n=n+?", affects(2), 1, 1),
			do(A, "INSERT INTO stock(id, n) VALUES (?, 12) ON DUPLICATE KEY UPDATE n=n+?", unread("id=1"), 1, nil),
			do(A, "INSERT /* ifmatch: version=3 */ INTO stock(id, n) VALUES (1, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "SET @ifmatch = 'version=3'", fine),
			do(A, "INSERT INTO stock(id, n) VALUES (?, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("expected version=3, found version=4"), 1),
			stockIs("1|12|4", "2|20|1", "3|30|1", "4|2|2"),
		}},
		{name: "that saves a whole row back", setup: stock, policy: stockStrict, steps: []step{
			do(A, "INSERT INTO stock(id, n, version) VALUES (1, 11, 1) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", affects(2)),
			do(A, "INSERT INTO stock(id, n, version) VALUES (1, 12, 1) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", conflict("id=1: expected version=1, found version=2")),
			do(A, "INSERT INTO stock(id, n, version) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", conflict("id=2: expected version=7, found version=1"), 2, 12, 7),
			do(A, "INSERT INTO stock(id, n, version) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", affects(2), 2, 12, 1),
			do(A, "INSERT INTO stock(id, n) VALUES (3, 31) ON DUPLICATE KEY UPDATE n=VALUES(n), version=1", affects(2)),
			do(B, "INSERT INTO stock(id, n, version) VALUES (1, 13, 2), (3, 33, 1) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", conflict("id=3: expected version=1, found version=2")),
			do(A, "INSERT INTO stock(id, n, version) VALUES (5, 51, 7) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", affects(1)),
			stockIs("1|11|2", "2|12|2", "3|31|2", "5|51|7"),
		}},
		{name: "whose version would go back", setup: stock, policy: stocked, steps: []step{
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE version=version-1, n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE version=version+1, n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=version, version=0+0", affects(2)),
			stockIs("1|3|4", "2|20|1", "3|30|1"),
		}},
		{name: "that reads the version itself, held", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=IF(version<VALUES(version), n, version+100)", affects(2)),
			stockIs("1|101|2", "2|20|1", "3|30|1"),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=version", conflict("expected version=2, found version=3")),
		}},
		{name: "of ignored columns alone passes", setup: stock, policy: stocked, steps: []step{
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE seen=1", affects(2)),
			stockIs("1|10|1", "2|20|1", "3|30|1"),
		}},
		{name: "in a transaction that it dooms", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock", gives("10", "20", "30")),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, "BEGIN", fine),
			do(A, "INSERT INTO stock(id, n) VALUES (2, 21) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, write1, conflict("expected version=1, found version=2")),
			do(A, write1, doomed("ifmatch: transaction doomed by: version conflict")),
			do(A, "COMMIT", doomed()),
			stockIs("1|5|2", "2|20|1", "3|30|1"),
			do(A, "INSERT INTO stock(id, n) VALUES (2, 21) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)), // as it was read before
		}},
		{name: "in a transaction of which only the statement fails", setup: stock, policy: "tables: {shop.stock: {version: version, on_conflict: statement}}", steps: []step{
			do(A, "SELECT n FROM stock", gives("10", "20", "30")),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, "BEGIN", fine),
			do(A, "INSERT INTO stock(id, n) VALUES (2, 21) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, write1, conflict("expected version=1, found version=2")),
			do(A, "COMMIT", fine),
			stockIs("1|5|2", "2|21|2", "3|30|1"),
			do(A, "UPDATE stock SET n=22 WHERE id=2", affects(1)),
		}},
		{name: "is taken back by ROLLBACK", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, "BEGIN", fine),
			do(A, write1, affects(2)),
			do(A, "ROLLBACK", fine),
			do(A, write1, affects(2)),
			stockIs("1|11|2", "2|20|1", "3|30|1"),
		}},
		{name: "without autocommit", setup: stock, policy: stocked, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, "COMMIT", fine),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, write1, conflict("expected version=1, found version=2")),
		}},
		{name: "with SELECT", setup: stock + src, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id<3", gives("10", "20")),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(3)),
			stockIs("1|100|2", "2|20|1", "3|30|1", "4|400|1"),
			do(A, "UPDATE stock SET n=12 WHERE id=1", affects(1)), // read again in its own transaction
			do(B, "UPDATE stock SET n=21 WHERE id=2", affects(1)), // is not met
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(4)),
			do(B, "UPDATE stock SET n=13 WHERE id=1", affects(1)),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=1: expected version=4, found version=5")),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src WHERE k=? ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=1: expected version=4, found version=5"), 1),
			do(B, "DELETE FROM stock WHERE id=1", affects(1)),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=1: expected version=4, found no row")),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src WHERE k<>1 ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO stock(id, n) SELECT k+RAND()*0, v FROM src WHERE k<>1 ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)), // meets nothing that was read
			stockIs("2|21|2", "3|30|1", "4|400|4"),
		}},
		{name: "with SELECT and unread: refuse", setup: stock + src, policy: stockStrict, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=2", gives("20")),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", unread("ifmatch: unread row on shop.stock id=1: ")),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src WHERE k=? ON DUPLICATE KEY UPDATE n=VALUES(n)", unread("id=1"), 1),
			do(A, "INSERT INTO stock(id, n) SELECT k+RAND()*0, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", refused("by a key by which it could not be found")),
			do(B, "INSERT INTO stock(id, n) SELECT k, v FROM src WHERE k>3 ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(1)),
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src WHERE k<3 ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			stockIs("1|100|2", "2|20|1", "3|30|1", "4|400|1"),
		}},
		{name: "with SELECT in a transaction of which only the statement fails", setup: stock + src, policy: "tables: {shop.stock: {version: version, on_conflict: statement}}", steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(B, "DELETE FROM stock WHERE id=1", affects(1)),
			do(A, "BEGIN", fine),
			do(A, "INSERT INTO stock(id, n) VALUES (8, 8)", affects(1)),
			do(A, "INSERT INTO stock(id, n) SELECT k, v FROM src ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("id=1: expected version=1, found no row")),
			do(A, "REPLACE INTO stock(id, n) SELECT k, v FROM src", conflict("id=1: expected version=1, found no row")),
			do(A, "COMMIT", fine),
			stockIs("2|20|1", "3|30|1", "8|8|1"),
		}},
		{name: "of which the policy wants nothing to know", setup: stock, policy: "tables: {shop.stock: {version: version, upsert: refuse}}", steps: []step{
			do(A, write1, refused("upsert: refuse")),
			do(A, "REPLACE INTO stock(id, n) VALUES (1, 11)", refused("upsert: refuse")),
			do(A, "INSERT INTO stock(id, n) VALUES (?, 1) ON DUPLICATE KEY UPDATE n=1", refused("upsert: refuse"), 8),
			stockIs("1|10|1", "2|20|1", "3|30|1"),
		}},
		{name: "that the policy lets pass", setup: stock, policy: "tables: {shop.stock: {version: version, unread: refuse, upsert: allow}}", steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(B, write1, affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "UPDATE stock SET n=13 WHERE id=1", conflict("expected version=1, found version=3")),
			do(B, "REPLACE INTO stock(id, n) VALUES (1, 14)", affects(2)),
			do(B, "REPLACE INTO stock(id, n) SELECT 2, 14", affects(2)),
			do(B, "REPLACE INTO stock(id, n) SELECT 3+RAND()*0, 14", affects(2)), // as it came
			stockIs("1|14|4", "2|14|2", "3|14|1"),
		}},
		{name: "with a name for the new row", only: "mysql", setup: stock, policy: stockStrict, steps: []step{
			do(A, "INSERT INTO stock(id, n, version) VALUES (1, 11, 1) AS new ON DUPLICATE KEY UPDATE n=new.n, version=new.version", affects(2)),
			do(A, "INSERT INTO stock(id, n, version) VALUES (1, 11, 1) AS new(a, b, c) ON DUPLICATE KEY UPDATE n=b, version=c", conflict("expected version=1, found version=2")),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) AS new ON DUPLICATE KEY UPDATE n=stock.n+new.n", affects(2), 2, 5),
			do(A, "SHOW WARNINGS", gives()),
			do(A, "INSERT INTO stock SET id=3, n=1 AS new ON DUPLICATE KEY UPDATE n=new.n", unread("id=3")),
			stockIs("1|11|2", "2|25|2", "3|30|1"),
		}},
		{name: "whose warnings are as without the proxy", only: "mysql", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, write1, affects(2)),
			do(A, "SELECT @@warning_count", gives("1")), // VALUES() is deprecated
			do(A, "INSERT INTO stock(id, n, version) VALUES (1, 11, 2) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", affects(2)),
			do(A, "SELECT @@warning_count", gives("2")),
		}},
		{name: "what cannot be proved is refused", setup: stock, policy: stocked, steps: []step{
			do(A, "INSERT INTO stock(id, n) VALUES (1, 1) ON DUPLICATE KEY UPDATE n=1 /*! , seen=2 */", refused("executable comment")),
			do(A, "INSERT /* ifmatch: version=1 */ INTO stock(id, n) VALUES (1, 1), (2, 2) ON DUPLICATE KEY UPDATE n=VALUES(n)", refused("one row")),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 1) ON DUPLICATE KEY UPDATE version=1, version=2", refused("twice")),
			stockIs("1|10|1", "2|20|1", "3|30|1"),
		}},
		{name: "with the number of rows found", setup: stock, policy: stocked, params: "clientFoundRows=true", steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 10) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 10) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			stockIs("1|10|3", "2|20|1", "3|30|1"),
		}},
	})
}

const users = `
CREATE TABLE users(id INT AUTO_INCREMENT PRIMARY KEY, mail VARCHAR(30) NULL UNIQUE, name VARCHAR(30), version BIGINT NOT NULL DEFAULT 1);
INSERT INTO users(mail, name) VALUES ('ann@x', 'Ann'), ('bob@x', 'Bob'), (NULL, 'Cyd')`

const usersByVersion = "tables: {shop.users: {version: version}}"

// usersAre is what the rows of users are, as the server has them.
func usersAre(rows ...string) step {
	return do(direct, "SELECT id, mail, name, version FROM users ORDER BY id", gives(rows...))
}

func TestUpsertByAnotherKey(t *testing.T) {
	play(t, []scenario{
		{name: "than the one that is named", setup: users, policy: usersByVersion, steps: []step{
			do(A, "SELECT name FROM users", gives("Ann", "Bob", "Cyd")),
			do(A, "INSERT INTO users(mail, name) VALUES ('ann@x', 'Anna') ON DUPLICATE KEY UPDATE name=VALUES(name)", affects(2)),
			do(A, "UPDATE users SET name='Anne' WHERE id=1", affects(1)),
			do(B, "UPDATE users SET name='Rob' WHERE id=2", affects(1)),
			do(A, "INSERT INTO users(mail, name) VALUES ('BOB@x', 'Bobby') ON DUPLICATE KEY UPDATE name=VALUES(name)", conflict("id=2: expected version=1, found version=2")),
			do(A, "INSERT INTO users(mail, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name=VALUES(name)", conflict("id=2: expected version=1, found version=2"), "bob@x", "Bobby"),
			do(A, "INSERT INTO users(id, mail, name) VALUES (9, 'bob@x', 'Bobby') ON DUPLICATE KEY UPDATE name=VALUES(name)", conflict("id=2: expected version=1, found version=2")),
			usersAre("1|ann@x|Anne|3", "2|bob@x|Rob|2", "3|NULL|Cyd|1"),
		}},
		{name: "with NULL, which meets nothing", setup: users, policy: "tables: {shop.users: {version: version, unread: refuse}}", steps: []step{
			do(A, "SELECT name FROM users WHERE id=1", gives("Ann")),
			do(A, "INSERT INTO users(mail, name) VALUES (NULL, 'Dan') ON DUPLICATE KEY UPDATE name=VALUES(name)", affects(1)),
			do(A, "INSERT INTO users(mail, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name=VALUES(name)", affects(1), nil, "Eve"),
			do(A, "INSERT INTO users(id, mail, name) VALUES (NULL, 'bob@x', 'Bobby') ON DUPLICATE KEY UPDATE name=VALUES(name)", unread("id=2")),
			do(direct, "SELECT mail, name, version FROM users ORDER BY id", gives("ann@x|Ann|1", "bob@x|Bob|1", "NULL|Cyd|1", "NULL|Dan|1", "NULL|Eve|1")),
		}},
		{name: "a new row's number counts as read", setup: users, policy: usersByVersion, steps: []step{
			do(A, "INSERT INTO users(mail, name) VALUES ('dan@x', 'Dan') ON DUPLICATE KEY UPDATE name=VALUES(name)", func(o outcome) string {
				if o.insertID != 4 {
					return "no number 4"
				}
				return affects(1)(o)
			}),
			do(A, "SELECT LAST_INSERT_ID()", gives("4")),
			do(B, "UPDATE users SET name='Don' WHERE id=4", affects(1)),
			do(A, "UPDATE users SET name='Den' WHERE id=4", conflict("id=4: expected version=1, found version=2")),
		}},
		{name: "LAST_INSERT_ID() of the row that is there", setup: users, policy: usersByVersion, steps: []step{
			do(A, "SELECT name FROM users", gives("Ann", "Bob", "Cyd")),
			do(A, "INSERT INTO users(mail, name) VALUES ('bob@x', 'Bobby') ON DUPLICATE KEY UPDATE id=LAST_INSERT_ID(id), name=VALUES(name)", func(o outcome) string {
				if o.insertID != 2 {
					return "no number 2"
				}
				return affects(2)(o)
			}),
			do(A, "SELECT LAST_INSERT_ID()", gives("2")),
			usersAre("1|ann@x|Ann|1", "2|bob@x|Bobby|2", "3|NULL|Cyd|1"),
		}},
		{name: "of two parts", setup: `CREATE TABLE lines_(order_id INT, line INT, n INT, version INT NOT NULL DEFAULT 1, PRIMARY KEY(order_id, line));
			INSERT INTO lines_ VALUES (1, 1, 10, 1), (1, 2, 20, 1)`, policy: "tables: {shop.lines_: {version: version}}", steps: []step{
			do(A, "SELECT n FROM lines_", gives("10", "20")),
			do(A, "INSERT INTO lines_(order_id, line, n) VALUES (1, 1, 11), (1, 3, 30) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(3)),
			do(A, "UPDATE lines_ SET n=12 WHERE order_id=1 AND line=1", affects(1)),
			do(B, "UPDATE lines_ SET n=21 WHERE order_id=1 AND line=2", affects(1)),
			do(A, "INSERT INTO lines_(line, order_id, n) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", conflict("order_id=1, line=2: expected version=1, found version=2"), 2, 1, 22),
			do(A, "REPLACE INTO lines_(line, order_id, n) VALUES (2, 1, 22)", conflict("order_id=1, line=2: expected version=1, found version=2")),
			do(A, "REPLACE INTO lines_(line, order_id, n) VALUES (1, 1, 13)", affects(2)),
			do(direct, "SELECT * FROM lines_", gives("1|1|13|4", "1|2|21|2", "1|3|30|1")),
		}},
		{name: "of texts", setup: `CREATE TABLE words(word VARCHAR(20) PRIMARY KEY, n INT, version INT NOT NULL DEFAULT 1);
			INSERT INTO words(word, n) VALUES ('Ärger', 1), ('b''c', 1)`, policy: "tables: {shop.words: {version: version, unread: refuse}}", steps: []step{
			do(A, "SELECT n FROM words", gives("1", "1")),
			do(A, "INSERT INTO words(word, n) VALUES ('ärger', 2) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, "INSERT INTO words(word, n) VALUES (?, 2) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2), "B'C"),
			do(B, "INSERT INTO words(word, n) VALUES ('ärger', 2) ON DUPLICATE KEY UPDATE n=VALUES(n)", unread("word='Ärger'")),
			do(A, "UPDATE words SET n=3 WHERE word='ärger'", affects(1)),
			do(direct, "SELECT word, n, version FROM words ORDER BY version", gives("b'c|2|2", "Ärger|3|3")),
		}},
	})
}
