extension BrowserSDK {
    /// The script, for browsers back to ES5. Tests/EndToEnd/test_browser_sdk.py runs it.
    static let source = #"""
        /*! analytics.js: sends events to an Analytics collector. No cookies, no dependencies. */
        (function (window, document) {
          'use strict';

          var navigator = window.navigator || {};
          var BEACON_BYTES = 60 * 1024;      // browsers allow 64 KiB in flight
          var EVENT_BYTES = 512 * 1024;
          var QUEUE_EVENTS = 1000;
          var QUEUE_BYTES = 2 * 1024 * 1024;
          var BATCH_EVENTS = 100;
          var RETRY_BASE_MS = 1000;
          var RETRY_MAX_MS = 300000;
          var RETRY_AFTER_MAX_MS = 3600000;
          // How long a beacon that may have arrived is sent again on return: within the collector's window of duplicates.
          var BEACON_DOUBT_MS = 45 * 60000;
          var SESSION_MS = 30 * 60000;
          var ORPHAN_MS = 60000;
          var PREFIX = 'analytics.';

          var options = null;
          var queue = [];                    // {e: event as JSON text, b: when it was given to a beacon, or 0}
          var sending = 0;                   // how many of the queue's first events are on their way
          var failures = 0;
          var timer = null;
          var timerAt = 0;
          var batchMax = BATCH_EVENTS;
          var userId = null;
          var stats = { sent: 0, rejected: 0, dropped: 0 };
          var tab = random(12);
          var early = [];

          // ---- storage: everything goes on without it (private windows, quota, blocked)

          function read(key) {
            try { return window.localStorage.getItem(PREFIX + key); } catch (error) { return null; }
          }
          function write(key, value) {
            try {
              if (value === null) window.localStorage.removeItem(PREFIX + key);
              else window.localStorage.setItem(PREFIX + key, value);
              return true;
            } catch (error) { return false; }
          }
          function save() {
            if (!queue.length) return write('queue.' + tab, null);
            return write('queue.' + tab, JSON.stringify({ t: now(), q: queue }));
          }
          // Queues of tabs that are gone. One that is adopted while its tab still lives is sent twice, with the same ids.
          function adopt() {
            var keys = [], found = [], i, key, other;
            try {
              for (i = 0; i < window.localStorage.length; i++) keys.push(window.localStorage.key(i));
            } catch (error) { return; }
            for (i = 0; i < keys.length; i++) {
              if (keys[i].indexOf(PREFIX + 'queue.') !== 0) continue;
              key = keys[i].slice(PREFIX.length);
              if (key === 'queue.' + tab) continue;
              try { other = JSON.parse(read(key)); } catch (error) { other = null; }
              if (other && now() - other.t < ORPHAN_MS && other.t <= now()) continue;
              found.push(key);
              if (other && Object.prototype.toString.call(other.q) === '[object Array]') {
                queue = queue.concat(other.q.filter(function (entry) {
                  return entry && typeof entry.e === 'string' && !(entry.b && now() - entry.b > BEACON_DOUBT_MS);
                }));
              }
            }
            if (!found.length) return;
            limit();
            // There may not be room for both.
            var isSaved = save();
            for (i = 0; i < found.length; i++) write(found[i], null);
            if (!isSaved) save();
          }

          // ---- identity

          function now() { return new Date().getTime(); }
          function random(digits) {
            var text = '', bytes, i;
            try {
              bytes = new Uint8Array(digits);
              window.crypto.getRandomValues(bytes);
            } catch (error) { bytes = null; }
            for (i = 0; i < digits; i++) text += ((bytes ? bytes[i] : Math.floor(Math.random() * 256)) & 15).toString(16);
            return text;
          }
          // UUIDv7. Made once for each event and kept through every retry: the collector stores an id once.
          function uuid() {
            var time = ('000000000000' + now().toString(16)).slice(-12), r = random(18);
            return time.slice(0, 8) + '-' + time.slice(8) + '-7' + r.slice(0, 3) + '-' +
              ((parseInt(r.charAt(3), 16) & 3) | 8).toString(16) + r.slice(4, 7) + '-' + r.slice(6, 18);
          }
          function stored(key) {
            var value = read(key);
            if (!value) { value = uuid(); write(key, value); }
            return value;
          }
          var anonymousId = null;
          function anonymous() { return anonymousId || (anonymousId = stored('anonymous')); }
          var session = null;
          function sessionId() {
            var text = read('session'), parts = text ? text.split(' ') : (session || []);
            var id = parts.length === 2 && now() - Number(parts[1]) < SESSION_MS ? parts[0] : uuid();
            session = [id, String(now())];
            write('session', session.join(' '));
            return id;
          }

          // ---- events

          function bytes(text) {
            var count = 0, i, code;
            for (i = 0; i < text.length; i++) {
              code = text.charCodeAt(i);
              if (code < 0x80) count += 1;
              else if (code < 0x800) count += 2;
              else if (code >= 0xD800 && code < 0xDC00 && i + 1 < text.length) { count += 4; i++; }
              else count += 3;
            }
            return count;
          }
          function drop(count, why) {
            stats.dropped += count;
            if (options && options.onDrop) try { options.onDrop(count, why); } catch (error) { /* theirs */ }
          }
          function limit() {
            var total = 0, keep = queue.length;
            while (keep > 0 && queue.length - keep < QUEUE_EVENTS) {
              total += queue[keep - 1].e.length;
              if (total > QUEUE_BYTES) break;
              keep--;
            }
            // The oldest go first; what is on its way stays.
            keep = Math.min(keep, queue.length - sending);
            if (keep > 0) { queue.splice(sending, keep); drop(keep, 'the queue is full'); }
          }
          function track(type, data) {
            var event = {}, text, name;
            if (!options) { early.push(['track', type, data]); return; }
            if (!type || isOptedOut()) return;
            for (name in data) if (Object.prototype.hasOwnProperty.call(data, name)) event[name] = data[name];
            event.event_type = String(type);
            event.event_id = uuid();
            event.timestamp = new Date().toISOString();
            if (userId) event.user_id = userId;
            event.anonymous_id = anonymous();
            event.session_id = sessionId();
            event.project_id = options.project;
            event.environment = options.environment;
            event.version = options.version;
            try { text = JSON.stringify(event); } catch (error) { drop(1, String(error)); return; }
            if (bytes(text) > EVENT_BYTES) { drop(1, 'the event is too large'); return; }
            queue.push({ e: text, b: 0 });
            limit();
            save();
            if (queue.length - sending >= options.flushAt) schedule(0); else schedule(options.flushInterval);
            return event.event_id;
          }
          function page(data) {
            var location = window.location || {}, event = {}, query = location.search || '', names, i, found, name;
            event.page_url = (location.origin || '') + (location.pathname || '') + query;
            event.page_title = document.title || '';
            if (document.referrer) event.referrer = document.referrer;
            names = ['utm_source', 'utm_medium', 'utm_campaign'];
            for (i = 0; i < names.length; i++) {
              found = new RegExp('[?&]' + names[i] + '=([^&]*)').exec(query);
              if (found) {
                try { event[names[i]] = decodeURIComponent(found[1].replace(/\+/g, ' ')); } catch (error) { /* none */ }
              }
            }
            event.browser = named(['Edg:Edge', 'OPR:Opera', 'SamsungBrowser:Samsung', 'Firefox', 'Chrome', 'Safari']);
            event.os = named(
              ['Windows', 'Android', 'iPhone:iOS', 'iPad:iOS', 'Mac OS X:macOS', 'CrOS:ChromeOS', 'Linux']);
            event.device_type = /iPad|Tablet|Android(?!.*Mobile)/.test(agent()) ? 'tablet'
              : /Mobi/.test(agent()) ? 'mobile' : 'desktop';
            for (name in data) if (Object.prototype.hasOwnProperty.call(data, name)) event[name] = data[name];
            return track('page_view', event);
          }
          function agent() { return navigator.userAgent || ''; }
          // Edge and Opera call themselves Chrome, and Chrome Safari: the telling name is looked for first.
          function named(list) {
            var i, pair;
            for (i = 0; i < list.length; i++) {
              pair = list[i].split(':');
              if (agent().indexOf(pair[0]) >= 0) return pair[1] || pair[0];
            }
            return 'other';
          }
          function identify(id, traits) {
            if (!options) { early.push(['identify', id, traits]); return; }
            userId = id ? String(id) : null;
            write('user', userId);
            if (userId && traits) track('identify', traits);
          }
          function reset() {
            userId = null; anonymousId = null; session = null;
            write('user', null); write('anonymous', null); write('session', null);
          }

          // ---- consent

          function isOptedOut() {
            if (read('optout')) return true;
            return !!(options && options.respectPrivacySignals &&
              (navigator.globalPrivacyControl || navigator.doNotTrack === '1' || window.doNotTrack === '1'));
          }
          function optOut() { queue = []; sending = 0; save(); reset(); write('optout', '1'); }
          function optIn() { write('optout', null); }

          // ---- sending

          function url() {
            var mark = options.endpoint.indexOf('?') < 0 ? '?' : '&';
            return options.endpoint + mark + 'key=' + encodeURIComponent(options.key);
          }
          // From `from` on, as many events as fit; at least one.
          function chunk(from, bytesMax, countMax) {
            var total = 2, count = 0, size;
            while (from + count < queue.length && count < countMax) {
              size = bytes(queue[from + count].e) + 1;
              if (count > 0 && total + size > bytesMax) break;
              total += size;
              count++;
            }
            return { count: count, bytes: total };
          }
          function body(from, count) {
            return '[' + queue.slice(from, from + count).map(function (entry) { return entry.e; }).join(',') + ']';
          }
          function schedule(delay) {
            var at = now() + delay;
            if (!options || sending || !queue.length) return;
            if (timer !== null) {
              // While the collector is in trouble nothing hurries.
              if (timerAt <= at || failures > 0) return;
              window.clearTimeout(timer);
            }
            timerAt = at;
            timer = window.setTimeout(function () { timer = null; send(); }, delay);
          }
          function hurry() {
            if (timer !== null) { window.clearTimeout(timer); timer = null; }
            send();
          }
          function send() {
            var part;
            if (!options || sending || !queue.length) return;
            part = chunk(0, BEACON_BYTES, batchMax);
            sending = part.count;
            post(body(0, part.count), part.bytes <= BEACON_BYTES, function (status, retryAfter, reply) {
              var count = sending, rejected, i;
              sending = 0;
              // Opted out in the meantime.
              if (count > queue.length) return;
              if (status >= 200 && status < 300) {
                rejected = (reply && reply.rejected) || [];
                stats.sent += count - rejected.length;
                stats.rejected += rejected.length;
                for (i = 0; i < rejected.length; i++) report(rejected[i]);
                done(count);
                batchMax = Math.min(BATCH_EVENTS, batchMax * 2);
              } else if (status === 413 && count > 1) {
                batchMax = Math.max(1, Math.floor(count / 2));
                schedule(0);
              } else if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
                stats.rejected += count;
                rejected = (reply && reply.rejected) || [];
                for (i = 0; i < rejected.length; i++) report(rejected[i]);
                if (!rejected.length) report({ error: (reply && reply.error) || { code: status } });
                done(count);
              } else {
                failures++;
                schedule(backoff(retryAfter));
              }
            });
          }
          function done(count) {
            failures = 0;
            queue.splice(0, count);
            save();
            if (queue.length) schedule(queue.length >= options.flushAt ? 0 : options.flushInterval);
          }
          function report(rejection) {
            if (options.onReject) try { options.onReject(rejection); } catch (error) { /* theirs */ }
            else if (options.debug && window.console) window.console.warn('analytics: refused', rejection);
          }
          function backoff(retryAfter) {
            var most = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * Math.pow(2, Math.min(failures - 1, 20)));
            // Jitter, so that many pages do not come back at once.
            var delay = most / 2 + Math.random() * most / 2;
            var asked = Number(retryAfter) * 1000;
            if (asked > 0) delay = Math.max(delay, Math.min(asked, RETRY_AFTER_MAX_MS) * (1 + Math.random() / 10));
            return delay;
          }
          // No header that would make the browser ask first (a preflight): the key is in the URL, the body says it is text.
          function post(text, keepalive, then) {
            var finished = false, request, abort, watch;
            function finish(status, retryAfter, reply) {
              if (finished) return;
              finished = true;
              window.clearTimeout(watch);
              try { reply = reply ? JSON.parse(reply) : null; } catch (error) { reply = null; }
              then(status, retryAfter, reply);
            }
            watch = window.setTimeout(function () {
              finish(0);
              try { if (abort) abort(); } catch (error) { /* over anyway */ }
            }, options.timeout);
            if (window.fetch) {
              window.fetch(url(), {
                method: 'POST', body: text, keepalive: keepalive, credentials: 'omit', mode: 'cors',
                headers: { 'Content-Type': 'text/plain;charset=UTF-8' }
              }).then(function (response) {
                return response.text().then(function (reply) {
                  finish(response.status, response.headers.get('Retry-After'), reply);
                });
              })['catch'](function () { finish(0); });
              return;
            }
            request = new window.XMLHttpRequest();
            abort = function () { request.abort(); };
            request.open('POST', url(), true);
            request.setRequestHeader('Content-Type', 'text/plain;charset=UTF-8');
            request.onload = function () {
              finish(request.status, request.getResponseHeader('Retry-After'), request.responseText);
            };
            request.onerror = request.onabort = function () { finish(0); };
            request.send(text);
          }
          // The page may not come back. Whether a beacon arrives is never told: its events stay in the queue, marked, and are
          // sent again on return while the collector still recognises them. What is on its way may be cut off: it goes along.
          function leave() {
            var from = 0, part, i;
            if (!options || !queue.length || isOptedOut()) return;
            while (from < queue.length) {
              part = chunk(from, BEACON_BYTES, BATCH_EVENTS);
              if (part.bytes > BEACON_BYTES || !beacon(body(from, part.count))) break;
              for (i = 0; i < part.count; i++) queue[from + i].b = now();
              from += part.count;
            }
            save();
          }
          function beacon(text) {
            try { return !!(navigator.sendBeacon && navigator.sendBeacon(url(), text)); } catch (error) { return false; }
          }

          // ---- start

          function init(given) {
            var name, calls, i;
            if (options || !given || !given.key) return;
            options = {
              endpoint: script.origin + '/events', project: (window.location && window.location.hostname) || 'unknown',
              environment: 'production', version: '1', flushAt: 20, flushInterval: 3000, timeout: 20000
            };
            for (name in given) if (given[name] !== undefined) options[name] = given[name];
            userId = read('user');
            adopt();
            calls = early;
            early = [];
            for (i = 0; i < calls.length; i++) api[calls[i][0]].apply(api, calls[i].slice(1));
            if (window.addEventListener) {
              window.addEventListener('pagehide', leave);
              document.addEventListener('visibilitychange', function () {
                // A hidden page on a phone may end without a word.
                hurry();
              });
              window.addEventListener('online', hurry);
            }
            // Says that this tab lives, and looks after those that do not.
            window.setInterval(function () {
              if (queue.length) save();
              adopt();
              schedule(options.flushInterval);
            }, ORPHAN_MS / 2);
            if (given.page) page();
            schedule(queue.length ? 0 : options.flushInterval);
          }

          var api = {
            init: init, track: track, page: function (data) {
              if (!options) { early.push(['page', data]); return; }
              return page(data);
            },
            identify: identify, reset: reset, flush: function () { schedule(0); },
            optOut: optOut, optIn: optIn,
            stats: function () {
              return { sent: stats.sent, rejected: stats.rejected, dropped: stats.dropped, queued: queue.length };
            }
          };

          var script = (function () {
            var element = document.currentScript, found = element && /^https?:\/\/[^\/]+/.exec(element.src || '');
            return { element: element, origin: found ? found[0] : (window.location && window.location.origin) || '' };
          })();

          // A page may have called before this was loaded: analytics = []; analytics.push(['track', 'x']).
          var before = window.analytics;
          window.analytics = api;
          if (before && before.length) {
            for (var i = 0; i < before.length; i++) {
              if (before[i] && api[before[i][0]]) api[before[i][0]].apply(api, [].slice.call(before[i], 1));
            }
          }
          if (script.element && script.element.getAttribute && script.element.getAttribute('data-key')) {
            init({
              key: script.element.getAttribute('data-key'),
              project: script.element.getAttribute('data-project') || undefined,
              page: script.element.getAttribute('data-page') !== 'false'
            });
          }
        })(window, document);
        """#
}
