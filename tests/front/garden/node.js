// Answers everything with 200 and appends what it understood of each request to the file named by GARDEN_LOG.
const { appendFileSync } = require('node:fs')
const { createServer } = require('node:http')

createServer((request, response) => {
  const parts = []
  request.on('data', part => parts.push(part))
  request.on('end', () => {
    const record = { method: request.method, target: request.url, body: Buffer.concat(parts).toString('latin1') }
    appendFileSync(process.env.GARDEN_LOG, JSON.stringify(record) + '\n')
    response.end('ok\n')
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
