from django.urls import path

from store import views

urlpatterns = [
    path('products', views.create),
    path('products/<int:pk>', views.show),
    path('products/<int:pk>/reprice', views.reprice),
    path('products/<int:pk>/restock', views.restock),
    path('products/<int:pk>/describe', views.describe),
    path('products/<int:pk>/sell', views.sell),
    path('products/<int:pk>/announce', views.announce),
    path('products/<int:pk>/remove', views.remove),
]
