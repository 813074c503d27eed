"""Serves JupyterLab on a free port; settings, files and kernels' state live in a temporary directory."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

NOTES = "Milk\nBread\n"


def main():
    state = tempfile.mkdtemp(prefix="handback-jupyterlab-")
    # Registered first, so that it runs last: the server still writes while it ends.
    atexit.register(shutil.rmtree, state, ignore_errors=True)

    files = Path(state, "files")
    files.mkdir()
    Path(files, "shopping.txt").write_text(NOTES)
    os.environ.update(
        HOME=state,
        JUPYTER_CONFIG_DIR=f"{state}/config",
        JUPYTER_DATA_DIR=f"{state}/data",
        JUPYTER_RUNTIME_DIR=f"{state}/runtime",
        JUPYTERLAB_SETTINGS_DIR=f"{state}/settings",
        JUPYTERLAB_WORKSPACES_DIR=f"{state}/workspaces",
        IPYTHONDIR=f"{state}/ipython",
    )

    from jupyter_server.auth import passwd
    from jupyterlab.labapp import LabApp

    server = LabApp.initialize_server(
        argv=[
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            "--ServerApp.open_browser=False",
            "--ServerApp.allow_root=True",
            f"--ServerApp.root_dir={files}",
            f"--PasswordIdentityProvider.hashed_password={passwd('a-plain-password', 'sha1')}",
            # No question to a server elsewhere, and no panel about it.
            "--LabApp.news_url=",
            "--LabApp.extension_manager=readonly",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
    )

    def stop(*_):
        server.io_loop.add_callback_from_signal(server.io_loop.stop)

    def follow_stdin():
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    def announce():
        # After the server has set handlers of its own, which ask before they stop.
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        threading.Thread(target=follow_stdin, daemon=True).start()
        print(f"http://127.0.0.1:{server.port}", flush=True)

    server.io_loop.add_callback(announce)
    server.start()


main()
