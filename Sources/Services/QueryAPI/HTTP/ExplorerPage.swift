import HTTP

/// The page at `/`: a dashboard, an editor for queries, the schema. Everything in one response; nothing is loaded from
/// elsewhere, and the policy it is sent with lets nothing be.
package enum ExplorerPage {
    package static func response() -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [
                "Content-Type": "text/html; charset=utf-8",
                "Content-Security-Policy":
                    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                    + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
            ],
            body: Array(html.utf8))
    }

    static let html = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Analytics</title>
        <link rel="icon" href="data:,">
        <style>
        :root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2f6fde; }
        * { box-sizing: border-box; }
        body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1200px; padding: 1rem; }
        h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
        header, .row { display: flex; gap: .75rem; align-items: center; flex-wrap: wrap; }
        header h1 { margin: 0; flex: 1; }
        textarea, pre { font: 13px/1.45 ui-monospace, monospace; width: 100%; border: 1px solid var(--line);
          border-radius: 6px; padding: .7rem; background: var(--soft); color: inherit; }
        textarea { min-height: 16rem; resize: vertical; } #variables { min-height: 4rem; }
        pre { overflow: auto; max-height: 40rem; margin: 0; white-space: pre-wrap; word-break: break-word; }
        button, select, input { font: inherit; padding: .35rem .8rem; border: 1px solid var(--line); border-radius: 6px;
          background: var(--soft); color: inherit; }
        button.main { background: var(--accent); border-color: var(--accent); color: #fff; }
        .split { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
        @media (max-width: 800px) { .split { grid-template-columns: 1fr; } }
        svg { width: 100%; height: 260px; border: 1px solid var(--line); border-radius: 6px; display: block; }
        svg text { fill: currentColor; font-size: 11px; }
        .legend { display: flex; flex-wrap: wrap; gap: .3rem 1rem; font-size: .85rem; margin-top: .4rem; }
        .legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .35rem; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        td, th { border-bottom: 1px solid var(--line); padding: .3rem .5rem; text-align: left; } .n { text-align: right; }
        th:first-child { width: 50%; }
        .muted { opacity: .7; font-size: .85rem; } details { margin: .3rem 0; } summary { cursor: pointer; }
        .field { margin: .15rem 0 .15rem 1rem; } code { font-size: .85rem; }
        </style>
        </head>
        <body>
        <header>
          <h1>Analytics</h1>
          <label class="muted">API key <input id="key" type="password" autocomplete="off" size="14"></label>
        </header>

        <h2>Events over time</h2>
        <div class="row">
          <select id="span" aria-label="Time span">
            <option value="3600">last hour</option><option value="86400" selected>last 24 hours</option>
            <option value="604800">last 7 days</option><option value="2592000">last 30 days</option>
            <option value="0">everything</option>
          </select>
          <button id="refresh">Refresh</button><span id="state" class="muted" role="status"></span>
        </div>
        <p></p>
        <svg id="chart" role="img" aria-label="Events by type over time"></svg>
        <div id="legend" class="legend"></div>
        <table id="counts"></table>

        <h2>Explorer</h2>
        <div class="row">
          <select id="examples" aria-label="Examples"></select>
          <button id="run" class="main">Run (Ctrl+Enter)</button><span id="took" class="muted"></span>
        </div>
        <p></p>
        <div class="split">
          <div>
            <textarea id="query" spellcheck="false" aria-label="Query"></textarea>
            <textarea id="variables" spellcheck="false" aria-label="Variables" placeholder="Variables as JSON"></textarea>
          </div>
          <pre id="result" aria-live="polite">The answer appears here.</pre>
        </div>

        <h2>Schema</h2>
        <div id="schema" class="muted">…</div>

        <script>
        'use strict';
        const $ = id => document.getElementById(id);
        const colors = ['#2f6fde', '#e07b39', '#3aa76d', '#b04fc4', '#c9a227', '#d64550', '#2aa7b8', '#7a6ff0', '#8a8f98'];
        $('key').value = sessionStorage.getItem('key') || '';
        $('key').addEventListener('change', () => { sessionStorage.setItem('key', $('key').value); dashboard(); docs(); });

        async function ask(query, variables) {
          const headers = { 'Content-Type': 'application/json', 'Accept': 'application/graphql-response+json' };
          if ($('key').value) headers['X-API-Key'] = $('key').value;
          const response = await fetch('graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
          const body = await response.json();
          if (body.error) throw new Error(body.error.message);
          return body;
        }
        function make(name, attributes, text) {
          const svg = ['rect', 'text', 'line', 'title', 'g'].includes(name);
          const node = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
          for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
          if (text !== undefined) node.textContent = text;
          return node;
        }

        let isFirst = true, redraw = () => {};
        const time = s => new Date(s * 1000).toISOString();
        let column;
        // The five-column event table calls it timestamp.
        async function timeColumn() {
          if (column) return column;
          const body = await ask('{ catalog { table(name: "events") { columns { name } } } }');
          const names = (body.data?.catalog.table?.columns || []).map(c => c.name);
          return column = !names.includes('time') && names.includes('timestamp') ? 'timestamp' : 'time';
        }
        async function extent() {
          const name = await timeColumn();
          const sql = `SELECT epoch(min("${name}")) AS first, epoch(max("${name}")) AS last FROM events`;
          const body = await ask('query ($sql: String!) { analytics { sql(query: $sql) { results } } }', { sql });
          if (!body.data) throw new Error(body.errors[0].message);
          return body.data.analytics.sql.results[0];
        }
        async function dashboard() {
          $('state').textContent = 'Loading…';
          try { await load(); } catch (error) { $('state').textContent = String(error.message || error); }
        }
        async function load() {
          const wanted = Number($('span').value);
          const known = wanted ? null : await extent();
          const until = known && known.last !== null ? known.last + 1 : Date.now() / 1000;
          const seconds = wanted || Math.max(3600, until - (known.first ?? until));
          const buckets = seconds <= 3600 ? 12 : seconds <= 604800 ? 24 : 30, step = Math.ceil(seconds / buckets);
          const end = wanted ? Math.ceil(until / step) * step : Math.ceil(until), start = end - step * buckets;
          const at = '"' + await timeColumn() + '"';
          const sql = `SELECT type, CAST(floor((epoch(${at}) - ${start}) / ${step}) AS INTEGER) AS bucket, count(*) AS n ` +
            `FROM events WHERE ${at} >= TIMESTAMP '${time(start)}' AND ${at} < TIMESTAMP '${time(end)}' GROUP BY ALL`;
          const body = await ask(`query ($range: TimeRange!, $sql: String!) { analytics {
            eventCounts(timeRange: $range) { eventType count uniqueUsers } sql(query: $sql) { results } } }`,
            { range: { start: time(start), end: time(end) }, sql });
          if (!body.data) throw new Error(body.errors[0].message);
          const { eventCounts, sql: { results } } = body.data.analytics;
          if (isFirst && wanted && !eventCounts.length) {
            // Events may bear times of long ago, as those of a backfill do.
            isFirst = false;
            $('span').value = '0';
            return load();
          }
          isFirst = false;
          redraw = () => draw(eventCounts, results, buckets, start, step);
          redraw();
          showRange(time(start).slice(0, 10), time(end + 86400).slice(0, 10));
          const what = eventCounts.length ? '' : 'No events in this span. ';
          $('state').textContent = what + 'As of ' + new Date().toLocaleTimeString();
        }
        window.addEventListener('resize', () => redraw());
        function draw(counts, rows, buckets, start, step) {
          const svg = $('chart'), width = svg.clientWidth || 1000, height = 260, left = 64, bottom = 24;
          svg.replaceChildren(); svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
          const types = counts.map(c => c.eventType), shown = types.slice(0, colors.length - 1);
          const color = type => colors[shown.includes(type) ? shown.indexOf(type) : colors.length - 1];
          const sums = Array.from({ length: buckets }, () => new Map());
          for (const row of rows) if (sums[row.bucket]) {
            const key = shown.includes(row.type) ? row.type : 'others';
            sums[row.bucket].set(key, (sums[row.bucket].get(key) || 0) + row.n);
          }
          const totals = sums.map(m => [...m.values()].reduce((a, b) => a + b, 0)), top = Math.max(1, ...totals);
          const bar = (width - left - 10) / buckets, scale = (height - bottom - 16) / top;
          for (const share of top < 2 ? [0, 1] : [0, .5, 1]) {
            const y = height - bottom - top * share * scale;
            svg.append(make('line', { x1: left, x2: width - 10, y1: y, y2: y, stroke: 'currentColor', 'stroke-opacity': .2 }));
            svg.append(make('text', { x: left - 6, y: y + 4, 'text-anchor': 'end' }, Math.round(top * share).toLocaleString()));
          }
          sums.forEach((bucket, index) => {
            let y = height - bottom;
            for (const type of [...shown, 'others']) {
              const n = bucket.get(type); if (!n) continue;
              y -= n * scale;
              const rect = make('rect', { x: left + index * bar + 1, y, width: Math.max(1, bar - 2), height: n * scale, fill: color(type) });
              rect.append(make('title', {}, `${type}: ${n.toLocaleString()}\n${new Date((start + index * step) * 1000).toLocaleString()}`));
              svg.append(rect);
            }
            if (index % Math.ceil(buckets / (width < 600 ? 3 : 6)) === 0) {
              const date = new Date((start + index * step) * 1000);
              const hour = { hour: '2-digit', minute: '2-digit' };
              const label = step * buckets <= 86400 ? date.toLocaleTimeString([], hour) : step >= 86400 ? date.toLocaleDateString()
                : date.toLocaleString([], { month: 'numeric', day: 'numeric', ...hour });
              svg.append(make('text', { x: left + index * bar, y: height - 8 }, label));
            }
          });
          $('legend').replaceChildren(...shown.map(type => {
            const item = make('span'), mark = make('i'); mark.style.background = color(type);
            item.append(mark, type); return item;
          }));
          const head = make('tr'); head.append(make('th', {}, 'Type'));
          for (const name of ['Events', 'Unique users']) head.append(make('th', { class: 'n' }, name));
          $('counts').replaceChildren(head, ...counts.map(count => {
            const row = make('tr'); row.append(make('td', {}, count.eventType));
            for (const n of [count.count, count.uniqueUsers]) row.append(make('td', { class: 'n' }, n.toLocaleString()));
            return row;
          }));
        }

        const day = n => new Date(Date.now() - n * 864e5).toISOString().slice(0, 10);
        function countsBetween(start, end) {
          return `query {\n  analytics {\n    eventCounts(timeRange: {\n      start: "${start}", end: "${end}"\n    }) {\n      eventType\n      count\n      uniqueUsers\n    }\n  }\n}`;
        }
        // The first example asks for what the chart shows, unless it was edited.
        function showRange(start, end) {
          const isUntouched = $('query').value === examples['Events by type'];
          examples['Events by type'] = countsBetween(start, end);
          if (isUntouched) $('query').value = examples['Events by type'];
        }
        const examples = {
          'Events by type': countsBetween(day(7), day(-1)),
          'SQL': `query {\n  analytics {\n    sql(query: "SELECT type, count(*) AS n, max(time) AS latest FROM events GROUP BY type ORDER BY n DESC", limit: 100) {\n      columns { name type }\n      results\n      rowCount\n      truncated\n      snapshotId\n      elapsedMs\n    }\n  }\n}`,
          'Time travel': `query {\n  analytics {\n    timeTravel(timestamp: "${day(0)}", query: "SELECT count(*) AS n FROM events") {\n      results\n      snapshotId\n    }\n  }\n}`,
          'Tables': `query {\n  catalog {\n    tables {\n      name\n      location\n      currentSnapshotId\n      lastUpdated\n      recordCount\n      sizeInBytes\n      snapshots { id timestamp operation recordCount }\n    }\n  }\n}`,
          'Query plan': `query {\n  debug {\n    queryPlan(sql: "SELECT * FROM events WHERE time > now() - INTERVAL 1 HOUR") {\n      filesTotal\n      filesScanned\n      filesPrunedByPartition\n      filesPrunedByColumnBounds\n      duckdb\n    }\n  }\n}`,
          'Metrics': `query {\n  metrics {\n    queries\n    failures\n    latencyMs { p50 p95 p99 }\n    manifestCache { entries hits misses }\n    fileCache { entries bytes hits misses }\n  }\n}`,
        };
        for (const name of Object.keys(examples)) $('examples').append(make('option', {}, name));
        $('examples').addEventListener('change', () => { $('query').value = examples[$('examples').value]; });
        $('query').value = Object.values(examples)[0];
        async function run() {
          const began = performance.now();
          $('took').textContent = 'Running…';
          try {
            const text = $('variables').value.trim();
            $('result').textContent = JSON.stringify(await ask($('query').value, text ? JSON.parse(text) : undefined), null, 2);
          } catch (error) { $('result').textContent = String(error.message || error); }
          $('took').textContent = Math.round(performance.now() - began) + ' ms';
        }
        $('run').addEventListener('click', run);
        $('query').addEventListener('keydown', event => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run(); });
        $('refresh').addEventListener('click', dashboard);
        $('span').addEventListener('change', dashboard);

        async function docs() {
          const type = 'type { ...T } fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }';
          try {
            const body = await ask(`{ __schema { types { kind name description fields { name description args { name type { ...T } } type { ...T } }
              inputFields { name description type { ...T } } } } } ${type.slice(type.indexOf('fragment'))}`);
            const show = t => t.kind === 'NON_NULL' ? show(t.ofType) + '!' : t.kind === 'LIST' ? '[' + show(t.ofType) + ']' : t.name;
            $('schema').replaceChildren(...body.data.__schema.types.filter(t => !t.name.startsWith('__') && t.kind !== 'SCALAR').map(t => {
              const box = make('details'), title = make('summary'); title.append(make('code', {}, `${t.kind.toLowerCase()} ${t.name}`));
              if (t.description) title.append(' – ' + t.description);
              box.append(title);
              for (const field of [...(t.fields || []), ...(t.inputFields || [])]) {
                const args = (field.args || []).map(a => `${a.name}: ${show(a.type)}`).join(', ');
                const line = make('div', { class: 'field' });
                line.append(make('code', {}, `${field.name}${args ? '(' + args + ')' : ''}: ${show(field.type)}`));
                if (field.description) line.append(' – ' + field.description);
                box.append(line);
              }
              return box;
            }));
          } catch (error) { $('schema').textContent = String(error.message || error); }
        }
        dashboard(); docs();
        </script>
        </body>
        </html>
        """#
}
