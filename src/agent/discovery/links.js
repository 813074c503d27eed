(() => {
  // What of a page leads on within its origin, and what it calls itself. Small enough for one answer.
  const seen = new Set(), links = [], headings = []
  let size = 0
  for (const link of document.links) {
    if (link.hasAttribute('download')) continue
    let url
    try { url = new URL(String(link.href)) } catch { continue }
    if (url.origin !== location.origin || seen.has(url.pathname)) continue
    seen.add(url.pathname)
    url.hash = ''
    size += url.href.length
    if (size > 10000) break
    links.push(url.href)
  }
  for (const heading of document.querySelectorAll('h1, h2, h3')) {
    const text = heading.innerText.replace(/\s+/g, ' ').trim()
    if (text && text.length <= 100 && heading.checkVisibility()) headings.push(text)
    if (headings.length === 3) break
  }
  return { links, headings }
})()
