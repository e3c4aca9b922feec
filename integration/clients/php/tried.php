<?php
// The steps of one way. $run executes a statement on the first or the second
// connection and gives what it got as text; $error takes an exception apart.
function say(array $line): void { echo json_encode($line), "\n"; }

function steps(string $way, int $number, callable $run, callable $error): void {
	$key = 10 * $number + 1;
	$next = $key + 1;
	foreach ([
		['update', "UPDATE products SET price=1 WHERE id=$key AND version=1"],
		['conflict', "UPDATE products SET price=1 WHERE id=$key AND version=1"],
		['row', "SELECT price, version FROM products WHERE id=$key"],
		['prepared update', 'UPDATE products SET price=? WHERE id=? AND version=?', [2, $key, 2]],
		['prepared conflict', 'UPDATE products SET price=? WHERE id=? AND version=?', [3, $key, 2]],
		['prepared row', 'SELECT price, version FROM products WHERE id=?', [$key]],
		['read', 'SELECT name FROM products WHERE id=?', [$next]],
		['overtaken by', 'UPDATE products SET price=7 WHERE id=?', [$next], 1],
		['overtaken', "UPDATE products SET name='mine' WHERE id=?", [$next]],
		['row of the other', 'SELECT price, version FROM products WHERE id=?', [$next]],
	] as $step) {
		[$name, $sql, $args, $on] = $step + [2 => null, 3 => 0];
		try {
			$outcome = ['got' => $run($on, $sql, $args)];
		} catch (Exception $e) {
			$outcome = ['error' => get_class($e)] + $error($e);
		}
		say(['way' => $way, 'step' => $name] + $outcome);
	}
}
