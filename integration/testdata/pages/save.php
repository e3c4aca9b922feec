<?php
require 'shop.php';

$db = connect();
$locked = getenv('TRANSACTION') === 'yes';
try {
    if ($locked) {
        $db->beginTransaction();
    }
    // What the user has seen is not asked for: the row is read again.
    $product = array_merge(product($db, $_POST['id'], $locked ? 'FOR UPDATE' : ''), $_POST);
    $save = $db->prepare('UPDATE products SET name = :name, price = :price, in_stock = :in_stock, note = :note WHERE id = :id');
    $save->execute($product);
    if ($locked) {
        $db->commit();
    }
    echo 'saved';
} catch (PDOException $e) {
    http_response_code($e->errorInfo[1] === 1020 ? 409 : 500);
    echo $e->errorInfo[1], ' ', $e->errorInfo[2];
}
