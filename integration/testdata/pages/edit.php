<?php
require 'shop.php';

$product = product(connect(), $_GET['id']);
?>
<form method="post" action="save.php">
<?php foreach ($product as $field => $value): ?>
  <input name="<?= $field ?>" value="<?= htmlspecialchars($value) ?>">
<?php endforeach ?>
</form>
