"""Pages as they are written everywhere: load, ask somebody, change, save."""

from decimal import Decimal
from urllib.request import urlopen

from django.conf import settings
from django.db.models import F
from django.http import JsonResponse
from django.shortcuts import get_object_or_404

from store.models import Product


def ask(what, product):
    """Asks the supplier, who may take a while."""
    with urlopen(f'{settings.SUPPLIER}/{what}/{product.pk}') as answer:
        return answer.read().decode()


def answer(product):
    return JsonResponse({
        'id': product.pk, 'name': product.name, 'price': str(product.price), 'in_stock': product.in_stock, 'note': product.note})


def show(request, pk):
    return answer(get_object_or_404(Product, pk=pk))


def create(request):
    product = Product.objects.create(name='cap', price=Decimal('7.00'), in_stock=3)
    product.note = ask('note', product)
    product.save()
    return answer(product)


def reprice(request, pk):
    product = get_object_or_404(Product, pk=pk)
    product.price = Decimal(ask('price', product))
    product.save()
    return answer(product)


def restock(request, pk):
    product = get_object_or_404(Product, pk=pk)
    product.in_stock = int(ask('stock', product))
    product.save()
    return answer(product)


def describe(request, pk):
    product = get_object_or_404(Product, pk=pk)
    note = ask('note', product)
    product.refresh_from_db()
    product.note = note
    product.save()
    return answer(product)


def sell(request, pk):
    product = get_object_or_404(Product, pk=pk)
    ask('payment', product)
    product.in_stock = F('in_stock') - 1
    product.save(update_fields=['in_stock'])
    product.refresh_from_db()
    return answer(product)


def announce(request, pk):
    changed = Product.objects.filter(pk=pk).update(note='on sale')
    return JsonResponse({'changed': changed})


def remove(request, pk):
    product = get_object_or_404(Product, pk=pk)
    ask('leave', product)
    product.delete()
    return JsonResponse({})
