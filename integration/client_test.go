package integration

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

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
