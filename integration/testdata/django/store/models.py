from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    in_stock = models.IntegerField(default=0)
    note = models.TextField(blank=True)
    weight = models.FloatField(null=True)
    changed = models.DateTimeField(auto_now=True)
