// A worker that counts seconds. A hidden tab's own timers are slowed to one a minute, which would
// lose the lease and make a viewer look gone; a worker's are not.

setInterval(() => self.postMessage(null), 1000);
