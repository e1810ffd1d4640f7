/** A DOM element: attributes by name, event listeners as on…, then its children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replace an element's text only when it changed, so that nothing is announced twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replace only those of an element's children that differ: what stays is not laid out anew. */
export function renew(element, ...children) {
  const [old, fresh] = [[...element.childNodes], [...h("div", {}, ...children).childNodes]];
  if (old.length !== fresh.length) element.replaceChildren(...fresh);
  else for (const [i, node] of old.entries()) if (!node.isEqualNode(fresh[i])) node.replaceWith(fresh[i]);
}
