"""Serves a fresh Wagtail site on a free port; its database lives in a temporary directory."""

import fcntl
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).parent


def prepare():
    """Tables, the first pages, and somebody who may edit them."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from wagtail.models import Page, Site

    from news.models import NewsIndex

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser(
        "editor", "editor@example.com", "a-plain-password", first_name="Edda"
    )
    Site.objects.all().delete()
    Page.objects.filter(depth=2).delete()
    root = Page.objects.get(depth=1)
    index = root.add_child(instance=NewsIndex(title="Village news", slug="news"))
    Site.objects.create(
        hostname="localhost", root_page=index, is_default_site=True, site_name="Village"
    )


def fill(state):
    """The same beginnings each time. Making them takes longer than a test, so that is done once for the
    files here, beside the packages, which are made anew with their pins."""
    sources = sorted(HERE.rglob("*.py"))
    beginnings = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    made = Path(sys.prefix, f"site-{beginnings}.sqlite3")
    # Two tests may start at once; one of them makes it.
    with open(made.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            from django.db import connections

            prepare()
            connections.close_all()
            shutil.copy(Path(state, "site.sqlite3"), made.with_suffix(".making"))
            os.replace(made.with_suffix(".making"), made)
            return
    shutil.copy(made, Path(state, "site.sqlite3"))


def main():
    # What the server says goes to standard error: the first line on standard output is the address.
    with tempfile.TemporaryDirectory(prefix="handback-wagtail-") as state:
        os.environ["WAGTAIL_STATE"] = state
        os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
        sys.path.insert(0, str(HERE))
        sys.dont_write_bytecode = True

        import django

        django.setup()
        fill(state)

        from django.contrib.staticfiles.handlers import StaticFilesHandler
        from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
        from django.core.wsgi import get_wsgi_application

        server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
        server.daemon_threads = True
        server.set_app(StaticFilesHandler(get_wsgi_application()))

        def stop(*_):
            threading.Thread(target=server.shutdown, daemon=True).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

        def follow_stdin():
            sys.stdin.buffer.read()
            stop()

        threading.Thread(target=follow_stdin, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever(poll_interval=0.1)


main()
