// A display server small enough to read: RFB 3.8, security None, raw rectangles of one picture.
// It counts handshakes and keeps every input message, so that tests can say what arrived.

/** A picture in the pixel format that noVNC asks for: red, green, blue, unused. */
export function testPicture(width, height) {
  const pixels = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      const box = x > width / 4 && x < width / 2 && y > height / 4 && y < height / 2;
      pixels[at] = box ? 45 : 240;
      pixels[at + 1] = box ? 78 : 244;
      pixels[at + 2] = box ? 162 : 230 + ((x >> 5) + (y >> 5)) % 2 * 20;
    }
  }
  return { width, height, pixels };
}

/** Talks RFB over one WebSocket. `log` gets {handshakes, inputs, updates, sockets}. */
export function serveRfb(socket, picture, log) {
  log.sockets += 1;
  let rest = Buffer.alloc(0);
  let phase = 'version';
  let painted = false;
  socket.send(Buffer.from('RFB 003.008\n'));
  socket.on('message', (data) => {
    rest = Buffer.concat([rest, data]);
    while (step());
  });

  function take(n) {
    if (rest.length < n) return null;
    const head = rest.subarray(0, n);
    rest = rest.subarray(n);
    return head;
  }

  function step() {
    if (phase === 'version') {
      if (!take(12)) return false;
      socket.send(Buffer.from([1, 1]));
      phase = 'security';
      return true;
    }
    if (phase === 'security') {
      if (!take(1)) return false;
      socket.send(Buffer.from([0, 0, 0, 0]));
      phase = 'init';
      return true;
    }
    if (phase === 'init') {
      if (!take(1)) return false;
      const name = Buffer.from('display');
      const init = Buffer.alloc(24 + name.length);
      init.writeUInt16BE(picture.width, 0);
      init.writeUInt16BE(picture.height, 2);
      Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]).copy(init, 4);
      init.writeUInt32BE(name.length, 20);
      name.copy(init, 24);
      socket.send(init);
      log.handshakes += 1;
      phase = 'messages';
      return true;
    }
    return message();
  }

  function message() {
    if (rest.length < 1) return false;
    switch (rest[0]) {
      case 0:
        return take(20) !== null;
      case 2: {
        if (rest.length < 4) return false;
        return take(4 + 4 * rest.readUInt16BE(2)) !== null;
      }
      case 3:
        if (!take(10)) return false;
        if (!painted) paint();
        return true;
      case 4: {
        const key = take(8);
        if (!key) return false;
        log.inputs.push({ type: 'key', down: key[1] === 1, keysym: key.readUInt32BE(4) });
        return true;
      }
      case 5: {
        const pointer = take(6);
        if (!pointer) return false;
        log.inputs.push({ type: 'pointer', mask: pointer[1], x: pointer.readUInt16BE(2), y: pointer.readUInt16BE(4) });
        return true;
      }
      case 6: {
        if (rest.length < 8) return false;
        return take(8 + Math.abs(rest.readInt32BE(4))) !== null;
      }
      default:
        socket.close(4400);
        return false;
    }
  }

  function paint() {
    painted = true;
    const head = Buffer.alloc(16);
    head.writeUInt16BE(1, 2);
    head.writeUInt16BE(picture.width, 8);
    head.writeUInt16BE(picture.height, 10);
    socket.send(Buffer.concat([head, picture.pixels]));
    log.updates += 1;
  }
}
