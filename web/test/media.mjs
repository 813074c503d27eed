// Pictures and a recording for the mock, made on the spot.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'handback-web-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function ffmpeg(...args) {
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args]);
}

/** A recording of a test card, or of `still` (JPEG) if one is given. */
export function recording(seconds = 12, still = null) {
  return inFolder((folder) => {
    const to = join(folder, 'video.webm');
    let from = ['-f', 'lavfi', '-i', `testsrc=size=640x400:rate=5:duration=${seconds}`];
    if (still) {
      writeFileSync(join(folder, 'still.jpg'), still);
      from = ['-loop', '1', '-framerate', '2', '-t', String(seconds), '-i', join(folder, 'still.jpg')];
    }
    ffmpeg(...from, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M', '-pix_fmt', 'yuv420p', '-g', '10', to);
    return readFileSync(to);
  });
}

/** A JPEG of one colour, as a step's screenshot. */
export function jpeg(colour = 'slategray') {
  return inFolder((folder) => {
    const to = join(folder, 'shot.jpg');
    ffmpeg('-f', 'lavfi', '-i', `color=${colour}:size=640x400`, '-frames:v', '1', to);
    return readFileSync(to);
  });
}

/** An encoded picture as the pixels that the mock's display server sends. */
export function pixels(encoded, width, height) {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'in'), encoded);
    ffmpeg('-i', join(folder, 'in'), '-f', 'rawvideo', '-pix_fmt', 'rgb0', join(folder, 'out'));
    return { width, height, pixels: readFileSync(join(folder, 'out')) };
  });
}
