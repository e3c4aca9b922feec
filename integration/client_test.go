package integration

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// Either command line client, on either server.
func TestCommandLineClients(t *testing.T) {
	const script = `UPDATE products SET price=1 WHERE id=100;
		UPDATE /* ifmatch: version=1 */ products SET price=2 WHERE id=100;
		SHOW WARNINGS;
		UPDATE products SET price=3 WHERE id=100 AND version=2;
		SELECT CONCAT('price ', price, ' version ', version) FROM products WHERE id=100;`
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, flavor := range []string{server.FlavorMariaDB, server.FlavorMySQL} {
			t.Run(flavor+" client", func(t *testing.T) {
				shop, p := shopOf(t, s, products, byVersion)
				host, port, _ := net.SplitHostPort(p.Addr)
				args := []string{"--host=" + host, "--port=" + port, "--user=root", "--force", "--comments", "--table", "--show-warnings", shop}
				if flavor == server.FlavorMariaDB {
					args = append([]string{"--skip-ssl-verify-server-cert"}, args...)
				}
				cmd := server.Client(t, flavor, args...)
				cmd.Stdin = strings.NewReader(script)
				out, _ := cmd.CombinedOutput()
				text := "ifmatch: version conflict on " + shop + ".products id=100: expected version=1, found version=2"
				for _, want := range []string{"ERROR 1020 (40001) at line 2: " + text, "| Error |  1020 | " + text, "price 3 version 3"} {
					if !strings.Contains(strings.ReplaceAll(string(out), "| Error | 1020 |", "| Error |  1020 |"), want) {
						t.Errorf("%q is not in\n%s", want, out)
					}
				}
			})
		}
	})
}

const pdo = `<?php
[, $port, $shop, $emulate] = $argv;
$db = new PDO("mysql:host=127.0.0.1;port=$port;dbname=$shop", 'root', '', [
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulate === 'emulated']);
$save = $db->prepare('UPDATE products SET price=? WHERE id=? AND version=?');
foreach ([[10, 100, 1], [11, 100, 1], [12, 100, 2]] as $row) {
	try {
		$save->execute($row);
		echo $save->rowCount(), " saved\n";
	} catch (PDOException $e) {
		echo get_class($e), ' ', $e->getCode(), ' ', $e->errorInfo[1], ' ', $e->errorInfo[2], "\n";
	}
}
$named = $db->prepare('SELECT price, version, :note AS note FROM products WHERE id=:id');
$named->execute(['id' => 100, 'note' => "it's"]);
echo implode('|', $named->fetch(PDO::FETCH_NUM)), "\n";
$db->beginTransaction();
$db->exec('UPDATE products SET price=1 WHERE id=101');
try {
	$save->execute([1, 102, 9]);
} catch (PDOException $e) {
	echo $e->getCode(), "\n";
}
try {
	$db->commit();
} catch (PDOException $e) {
	echo $e->getCode(), ' ', $e->errorInfo[1], "\n";
}
echo implode('|', $db->query('SELECT price, version FROM products WHERE id=101')->fetch(PDO::FETCH_NUM)), "\n";
`

func TestPDO(t *testing.T) {
	php, err := exec.LookPath("php")
	if err != nil {
		t.Fatalf("no PHP (Debian's packages php-cli and php-mysql; integration/server/install installs them): %v", err)
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, prepares := range []string{"emulated", "native"} {
			t.Run(prepares, func(t *testing.T) {
				shop, p := shopOf(t, s, products, byVersion)
				_, port, _ := net.SplitHostPort(p.Addr)
				cmd := exec.Command(php, "--", port, shop, prepares)
				cmd.Stdin = strings.NewReader(pdo)
				out, err := cmd.CombinedOutput()
				want := `1 saved
PDOException 40001 1020 ifmatch: version conflict on ` + shop + `.products id=100: expected version=1, found version=2
1 saved
12|3|it's
40001
40000 3101
5|1
`
				if err != nil || string(out) != want {
					t.Errorf("error %v, says\n%s\nwant\n%s", err, out, want)
				}
			})
		}
	})
}
