# One image for every process of Tradedesk; docker-compose.yml gives each its command.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /tmp/requirements.lock
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock

FROM python:3.11-slim-bookworm
# pg_dump and pg_restore must be as new as the server (`manage.py backup`); Debian's are older.
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-common ca-certificates \
 && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
 && apt-get install -y --no-install-recommends postgresql-client-18 \
 && rm -rf /var/lib/apt/lists/*
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=tradedesk.settings \
    STATIC_ROOT=/app/staticfiles \
    TRADEDESK_DATA=/data \
    TRADEDESK_HEARTBEATS=/tmp/heartbeats
RUN useradd --system --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin tradedesk \
 && install -d -o tradedesk -g tradedesk /data /backups /anchors /archive
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY brokers ./brokers
COPY orders ./orders
COPY tradedesk ./tradedesk
COPY tradedesk_client ./tradedesk_client
RUN python -m compileall -q brokers orders tradedesk tradedesk_client \
 && python manage.py collectstatic --no-input --verbosity 0
USER tradedesk
VOLUME /data
EXPOSE 8000 8001
CMD ["granian", "--interface", "wsgi", "--no-ws", "--workers-kill-timeout", "8", "--host", "0.0.0.0", "--port", "8000", "tradedesk.wsgi:application"]
