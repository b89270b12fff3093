// `npm ci` downloads no browser; src/cli/browser.ts finds one, and asks Puppeteer for one only when none is installed.
module.exports = { skipDownload: true };
