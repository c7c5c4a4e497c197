// A page without a browser: what analytics.js uses of one, on Node. Runs the steps of a scenario and prints what became of them.
//   node page.js '{"script":"http://…/sdk/analytics.js","storage":"/tmp/storage.json","init":{…},"steps":[["track","x",{}]]}'
'use strict';
const fs = require('fs');
const vm = require('vm');

const scenario = JSON.parse(process.argv[2]);
const origin = scenario.origin || 'http://shop.test';
const stored = new Map(fs.existsSync(scenario.storage) ? JSON.parse(fs.readFileSync(scenario.storage)) : []);
const listeners = {};
const requests = [];
const seen = { rejected: [], dropped: 0, beacons: 0, fetches: 0 };
const listen = (name, action) => (listeners[name] = listeners[name] || []).push(action);
const fire = (name) => (listeners[name] || []).forEach((action) => action({ type: name }));

const localStorage = {
  get length() { return stored.size; },
  key: (index) => [...stored.keys()][index] ?? null,
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => {
    if (scenario.storageFails) throw new Error('QuotaExceededError');
    stored.set(key, String(value));
  },
  removeItem: (key) => stored.delete(key),
};

const send = (url, options) => {
  const request = fetch(url, { ...options, headers: { ...(options.headers || {}), Origin: origin } });
  requests.push(request.catch(() => null));
  return request;
};
const window = {
  localStorage, crypto: globalThis.crypto, setTimeout, clearTimeout, console,
  // The watch over other tabs would keep this process alive.
  setInterval: (action, delay) => setInterval(action, delay).unref(),
  location: { origin, hostname: new URL(origin).hostname, pathname: '/cart', search: scenario.search || '' },
  navigator: {
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Version/17.0 Mobile/15E Safari/604.1',
    sendBeacon: (url, body) => {
      if (scenario.withoutBeacon || Buffer.byteLength(body) > 65536) return false;
      seen.beacons += 1;
      send(url, { method: 'POST', body, headers: { 'Content-Type': 'text/plain;charset=UTF-8' } });
      return true;
    },
    ...(scenario.navigator || {}),
  },
  fetch: (url, options) => {
    seen.fetches += 1;
    if (options.keepalive && Buffer.byteLength(options.body) > 65536) return Promise.reject(new TypeError('too large'));
    const { keepalive, mode, credentials, ...rest } = options;
    return send(url, rest);
  },
  addEventListener: listen,
};
const document = {
  title: 'Cart', referrer: 'https://search.test/', visibilityState: 'visible', addEventListener: listen,
  currentScript: { src: scenario.script, getAttribute: (name) => (scenario.attributes || {})[name] ?? null },
};
if (scenario.before) window.analytics = scenario.before;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function run() {
  const source = await (await fetch(scenario.script)).text();
  vm.runInNewContext(source, { window, document, Date, JSON, Math, Uint8Array, parseInt, encodeURIComponent, decodeURIComponent });
  if (scenario.init) {
    window.analytics.init({
      ...scenario.init, onReject: (rejection) => seen.rejected.push(rejection), onDrop: (count) => (seen.dropped += count),
    });
  }
  for (const [step, ...given] of scenario.steps || []) {
    if (step === 'wait') await wait(given[0]);
    else if (step === 'hide') { document.visibilityState = 'hidden'; fire('visibilitychange'); }
    else if (step === 'leave') fire('pagehide');
    else if (step === 'many') for (let i = 0; i < given[0]; i++) window.analytics.track(given[1], { n: i, ...(given[2] || {}) });
    else if (step === 'drain') {
      const deadline = Date.now() + given[0];
      while (window.analytics.stats().queued > 0 && Date.now() < deadline) await wait(20);
    } else window.analytics[step](...given);
  }
  // The page is gone: its timers with it, but what the browser has taken on goes on.
  await Promise.all(requests);
  await wait(50);
  fs.writeFileSync(scenario.storage, JSON.stringify([...stored]));
  const result = JSON.stringify({ ...seen, stats: window.analytics.stats(), storage: [...stored] });
  process.stdout.write(result, () => process.exit(0));
}
run();
