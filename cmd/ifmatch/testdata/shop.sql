UPDATE products SET price = 5 WHERE id = 1 AND version = 3;
UPDATE products SET stock = stock - 1 WHERE id = 1;
UPDATE products SET last_viewed = NOW() WHERE id = 1;
UPDATE customers SET name = 'x' WHERE id = 1;
UPDATE orders SET status = 'placed' WHERE id = 7;
UPDATE orders o SET o.status = 'paid' WHERE o.id = 7;
UPDATE orders SET status = 'shipped' WHERE id = 7;
UPDATE orders SET status = 'cancelled', refund = 0 WHERE id = 7;
INSERT INTO orders (id, status) VALUES (8, 'paid');
DELETE FROM orders WHERE id = 7
