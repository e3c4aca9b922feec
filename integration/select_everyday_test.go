package integration

import (
	"context"
	"slices"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

const everydaySetup = `CREATE TABLE users(id BIGINT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100), name VARCHAR(100), bio LONGTEXT, version INT NOT NULL DEFAULT 1 INVISIBLE, UNIQUE KEY (email));
CREATE TABLE orders(id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT, total DECIMAL(10,2), created_at DATETIME(6), version INT NOT NULL DEFAULT 1 INVISIBLE, KEY (user_id));
CREATE TABLE wp_posts(ID BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, post_author BIGINT UNSIGNED NOT NULL DEFAULT 0, post_date DATETIME NOT NULL DEFAULT '2024-01-01 00:00:00',
	post_title TEXT NOT NULL, post_status VARCHAR(20) NOT NULL DEFAULT 'publish', post_type VARCHAR(20) NOT NULL DEFAULT 'post', KEY type_status_date (post_type, post_status, post_date, ID));
CREATE TABLE wp_postmeta(meta_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, post_id BIGINT UNSIGNED NOT NULL, meta_key VARCHAR(191), meta_value LONGTEXT, KEY (post_id), KEY (meta_key));
INSERT INTO users(id, email, name, bio) VALUES (1, 'a@x', 'Ann', 'long'), (2, 'b@x', 'Bob', NULL), (3, 'c@x', NULL, '');
INSERT INTO orders(id, user_id, total, created_at) VALUES (10, 1, 5, '2024-01-02 03:04:05.678901'), (11, 2, 7.5, NULL), (12, 1, 1, NULL), (13, NULL, 0, NULL);
INSERT INTO wp_posts(ID, post_author, post_title) VALUES (1, 1, 'Hello'), (2, 1, 'World');
INSERT INTO wp_postmeta VALUES (5, 1, '_edit_lock', '1'), (6, 2, '_price', '10')`

const everydayPolicy = `tables:
  shop.users: {version: version}
  shop.orders: {version: version}
  shop.wp_posts: {version: {digest: all}}
  shop.wp_postmeta: {version: {digest: all}}
`

// everyday are SELECTs as applications write them, and the rows that have to be
// remembered when they are answered.
var everyday = []struct{ name, sql, reads string }{
	{"Django, get", "SELECT `users`.`id`, `users`.`email`, `users`.`name` FROM `users` WHERE `users`.`id` = 1 LIMIT 21", "users 1"},
	{"Django, select_for_update", "SELECT `users`.`id`, `users`.`email` FROM `users` WHERE `users`.`id` = 1 FOR UPDATE", "users 1"},
	{"Django, exists", "SELECT 1 AS `a` FROM `users` WHERE `users`.`id` = 2 LIMIT 1", "users 2"},
	{"Django, defer", "SELECT `users`.`name` FROM `users` ORDER BY `users`.`name` ASC", "users 1, users 2, users 3"},
	{"Django, select_related", "SELECT `orders`.`id`, `orders`.`user_id`, `orders`.`total`, `users`.`id`, `users`.`email` FROM `orders` LEFT OUTER JOIN `users` ON (`orders`.`user_id` = `users`.`id`) ORDER BY `orders`.`total` DESC",
		"orders 10, orders 11, orders 12, orders 13, users 1, users 2"},
	{"Django, filter over a relation", "SELECT `orders`.`id`, `orders`.`total` FROM `orders` INNER JOIN `users` ON (`orders`.`user_id` = `users`.`id`) WHERE `users`.`email` = 'b@x' ORDER BY `orders`.`created_at` DESC LIMIT 10", "orders 11, users 2"},
	{"Django, annotate with CASE", "SELECT `users`.`id`, CASE WHEN `users`.`name` IS NULL THEN 'none' ELSE UPPER(`users`.`name`) END AS `shown` FROM `users` WHERE `users`.`id` IN (1, 3) ORDER BY `shown` ASC", "users 1, users 3"},
	{"Django, annotate with Exists", "SELECT `users`.`id`, EXISTS(SELECT 1 AS `a` FROM `orders` U0 WHERE U0.`user_id` = (`users`.`id`) LIMIT 1) AS `has` FROM `users`", "users 1, users 2, users 3"},
	{"Hibernate 6, by id", "select u1_0.id,u1_0.email,u1_0.name from users u1_0 where u1_0.id=2", "users 2"},
	{"Hibernate 6, fetch join", "select o1_0.id,o1_0.created_at,o1_0.total,u1_0.id,u1_0.email from orders o1_0 left join users u1_0 on u1_0.id=o1_0.user_id where o1_0.id=10", "orders 10, users 1"},
	{"Hibernate 5, lock", "select user0_.id as id1_0_0_, user0_.email as email2_0_0_ from users user0_ where user0_.id=1 for update", "users 1"},
	{"Hibernate, page", "select o1_0.id,o1_0.total from orders o1_0 order by o1_0.total desc limit 1,2", "orders 10, orders 12"},
	{"Rails, find_by", "SELECT `users`.* FROM `users` WHERE `users`.`email` = 'a@x' ORDER BY `users`.`id` ASC LIMIT 1", "users 1"},
	{"Rails, with tags", "SELECT `users`.* FROM `users` WHERE `users`.`id` = 1 LIMIT 1 /*application:Shop,controller:users,action:edit*/", "users 1"},
	{"Rails, eager_load", "SELECT `users`.`id` AS t0_r0, `users`.`email` AS t0_r1, `orders`.`id` AS t1_r0, `orders`.`total` AS t1_r1 FROM `users` LEFT OUTER JOIN `orders` ON `orders`.`user_id` = `users`.`id` WHERE `users`.`id` = 1",
		"orders 10, orders 12, users 1"},
	{"Rails, joins", "SELECT `orders`.* FROM `orders` INNER JOIN `users` ON `users`.`id` = `orders`.`user_id` WHERE `users`.`name` = 'Ann' ORDER BY `users`.`name`, `orders`.`total`", "orders 10, orders 12, users 1"},
	{"Doctrine, find", "SELECT t0.id AS id_1, t0.email AS email_2, t0.name AS name_3 FROM users t0 WHERE t0.id = 1", "users 1"},
	{"Doctrine, DQL", "SELECT u0_.id AS id_0, u0_.name AS name_1, o1_.id AS id_2 FROM users u0_ INNER JOIN orders o1_ ON u0_.id = o1_.user_id ORDER BY o1_.created_at DESC, u0_.name ASC", "orders 10, orders 11, orders 12, users 1, users 2"},
	{"WordPress, get_post", "SELECT * FROM wp_posts WHERE ID = 1 LIMIT 1", "wp_posts 1"},
	{"WordPress, WP_Query", "SELECT SQL_CALC_FOUND_ROWS  wp_posts.ID\n\t\t\t\t\tFROM wp_posts \n\t\t\t\t\tWHERE 1=1  AND wp_posts.post_type = 'post' AND ((wp_posts.post_status = 'publish'))\n\t\t\t\t\tORDER BY wp_posts.post_date DESC\n\t\t\t\t\tLIMIT 0, 10", "wp_posts 1, wp_posts 2"},
	{"WordPress, meta cache", "SELECT post_id, meta_key, meta_value FROM wp_postmeta WHERE post_id IN (1,2) ORDER BY meta_id ASC", "wp_postmeta 5, wp_postmeta 6"},
	{"WordPress, meta query", "SELECT p.ID, p.post_title, m.meta_value FROM wp_posts AS p JOIN wp_postmeta m ON p.ID = m.post_id WHERE m.meta_key = '_price' ORDER BY CAST(m.meta_value AS SIGNED) DESC", "wp_postmeta 6, wp_posts 2"},
	{"SQLAlchemy", "SELECT users.id AS users_id, users.email AS users_email \nFROM users \nWHERE users.id = 1", "users 1"},
	{"SQLAlchemy, lazy select from a list", "SELECT orders.user_id AS orders_user_id, orders.id AS orders_id \nFROM orders \nWHERE orders.user_id IN (1, 2) ORDER BY orders.id", "orders 10, orders 11, orders 12"},
	{"PHP by hand", "select * from orders, users where orders.user_id = users.id and users.email = 'b@x'", "orders 11, users 2"},
	{"PHP by hand, a column", "SELECT total FROM orders WHERE id='11'", "orders 11"},
	{"PHP by hand, order by number", "SELECT name, email FROM users ORDER BY 2 DESC", "users 1, users 2, users 3"},
	{"PHP by hand, star and more", "SELECT *, total * 2 AS twice FROM orders WHERE id = 12", "orders 12"},
	{"USING", "SELECT email FROM users JOIN (SELECT 2 AS id) AS wanted USING (id)", "users 2"},
	{"a derived table beside", "SELECT u.name, s.n FROM users u JOIN (SELECT user_id, COUNT(*) AS n FROM orders GROUP BY user_id) s ON s.user_id = u.id ORDER BY s.n DESC", "users 1, users 2"},
	{"joins by a temporary table", "SELECT u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.total + 0, u.name", "orders 10, orders 11, orders 12, users 1, users 2"},
	{"sorted long values", "SELECT u.bio, o.id FROM users u LEFT JOIN orders o ON o.user_id = u.id ORDER BY u.bio, o.created_at", "orders 10, orders 11, orders 12, users 1, users 2, users 3"},
	{"kept until all is there", "SELECT SQL_BUFFER_RESULT o.total, u.email FROM orders o JOIN users u ON u.id = o.user_id", "orders 10, orders 11, orders 12, users 1, users 2"},
	{"in any order", "SELECT o.total, u.email FROM orders o JOIN users u ON u.id = o.user_id ORDER BY RAND()", "orders 10, orders 11, orders 12, users 1, users 2"},
	{"by a sub-select", "SELECT u.email FROM users u ORDER BY (SELECT o.total FROM orders o WHERE o.id = u.id + 9)", "users 1, users 2, users 3"},
	{"itself", "SELECT a.name, b.name FROM users a JOIN users b ON b.id = a.id + 1 WHERE a.id = 1", "users 1, users 2"},
	{"schema and table", "SELECT shop.users.name FROM shop.users WHERE shop.users.id = 3", "users 3"},
}

// What applications read is remembered, however the server makes the answer.
func TestEverydaySelectsAreRemembered(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, everydaySetup, everydayPolicy)
		r := dial(t, p.Addr, shop, plainCaps)
		for _, settings := range []string{"SET NAMES utf8mb4", "SET NAMES latin1, big_tables = 1, sql_mode = ''"} {
			for _, c := range everyday {
				sql := strings.ReplaceAll(c.sql, "shop", shop)
				for _, way := range []struct {
					name string
					read func()
				}{
					{"text", func() { r.query(sql) }},
					{"prepared", func() { r.execute(r.prepare(sql).ID) }},
					{"by a cursor", func() {
						d := &selectDiff{t: t}
						d.fetched(r, r.prepare(sql).ID, nil)
					}},
					{"prepared at SQL level", func() {
						r.query("PREPARE everyday FROM '" + strings.ReplaceAll(sql, "'", "''") + "'")
						r.query("EXECUTE everyday")
					}},
				} {
					r.command(wire.ComResetConnection)
					r.answer()
					r.query(settings)
					if way.read(); r.seen[len(r.seen)-1][0] == wire.ERRHeader {
						t.Errorf("%s, %s: %q", c.name, way.name, r.seen)
						continue
					}
					var reads []string
					for key := range readsOf(r) {
						table, key, _ := strings.Cut(strings.TrimPrefix(key, shop+"."), " ")
						_, value, _ := strings.Cut(key, "=")
						reads = append(reads, table+" "+value)
					}
					slices.Sort(reads)
					if got := strings.Join(reads, ", "); got != c.reads {
						t.Errorf("%s, %s, %s: remembered are %q, want %q", settings, c.name, way.name, got, c.reads)
					}
				}
			}
		}
	})
}

// A user who may not read what would be added gets what it may read, and the
// error that it would get without the proxy where it may not.
func TestSelectsOfWhoMayNotReadTheVersion(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, everydaySetup, everydayPolicy)
		user := "u" + shop[2:10]
		root := session(t, s, "root", shop, "")
		execute(t, root, "CREATE USER '"+user+"'@'%'")
		t.Cleanup(func() { _, _ = root.ExecContext(context.Background(), "DROP USER '"+user+"'@'%'") })
		execute(t, root, "GRANT SELECT (id, email, name) ON "+shop+".users TO '"+user+"'@'%'")
		execute(t, root, "GRANT SELECT ON "+shop+".orders TO '"+user+"'@'%'")
		execute(t, root, "GRANT SELECT (post_title) ON "+shop+".wp_posts TO '"+user+"'@'%'")
		for _, c := range []struct {
			sql, reads string
			args       int
		}{
			{sql: "SELECT id, name FROM users ORDER BY id"},
			{sql: "SELECT name FROM users WHERE id = ?", args: 1},
			{sql: "SELECT bio FROM users"},
			{sql: "SELECT * FROM users"},
			{sql: "SELECT name, version FROM users"},
			{sql: "SELECT users.name, orders.total FROM users JOIN orders ON orders.user_id = users.id WHERE users.id = ? ORDER BY orders.id", args: 1},
			{sql: "SELECT total FROM orders WHERE id < ? ORDER BY id", args: 1},
			{sql: "SELECT post_title FROM wp_posts"},
			{sql: "SELECT post_title FROM wp_posts FOR UPDATE"},
			{sql: "SELECT ID FROM wp_posts"},
			{sql: "SELECT nosuch FROM wp_posts"},
			{sql: "SELECT meta_key FROM wp_postmeta"},
			{sql: "SELECT SQL_CALC_FOUND_ROWS id FROM users LIMIT 1"},
		} {
			for _, args := range [][]any{nil, {1}} {
				sql := c.sql
				if args == nil {
					sql = strings.ReplaceAll(sql, "?", "1")
				} else if c.args == 0 {
					continue
				}
				var got [2]string
				for i, to := range []*server.Server{s, p.server(s)} {
					conn := session(t, to, user, shop, "")
					for range 2 { // what the first has taught the proxy must not show in the second
						o := run(conn, sql, shop, args...)
						text := strings.Join(append(o.columns, o.rows...), "\n")
						if o.err != nil {
							text += o.err.Error()
						}
						for _, also := range []string{"SHOW WARNINGS", "SELECT FOUND_ROWS()"} {
							if o.err == nil || also == "SHOW WARNINGS" {
								text += "\n" + strings.Join(run(conn, also, shop).rows, "\n")
							}
						}
						got[i] += text
					}
				}
				if got[0] != got[1] || strings.Contains(got[1], "ifmatch") {
					t.Errorf("%s %v gives directly\n%s\nand proxied\n%s", sql, args, got[0], got[1])
				}
			}
		}
	})
}
