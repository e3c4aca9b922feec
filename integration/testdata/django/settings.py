import json
import os

# DATABASE holds what a case varies: NAME, HOST, PORT, OPTIONS, ATOMIC_REQUESTS, CONN_MAX_AGE.
DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql', **json.loads(os.environ['DATABASE'])}}
SUPPLIER = os.environ.get('SUPPLIER', '')

SECRET_KEY = 'of no use to anybody'
DEBUG = True  # so that an answer tells the exception
ALLOWED_HOSTS = ['127.0.0.1']
INSTALLED_APPS = ['store']
MIDDLEWARE = ['django.middleware.common.CommonMiddleware']
ROOT_URLCONF = 'urls'
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
USE_TZ = True
