// The page: language, theme, and which room is shown. An address is #room?configuration; of the configuration a link may leave out
// what it likes.

import { Address } from "./lib/address.ts";
import { Announcer } from "./lib/announce.ts";
import { element } from "./lib/dom.ts";
import { defineTexts, Language, LANGUAGES, type LanguageCode } from "./lib/i18n.ts";
import { Notices, reasonOf } from "./lib/notices.ts";
import type { Room } from "./lib/room.ts";
import { Theme, THEMES, type ThemeName } from "./lib/theme.ts";
import { ROOMS, type RoomEntry } from "./rooms.ts";

const texts = defineTexts(
  {
    skip: "Skip to the content",
    rooms: "Rooms",
    messages: "Messages",
    language: "Language",
    theme: "Theme",
    system: "Auto",
    light: "Light",
    dark: "Dark",
    close: "Close the message",
    loading: "Loading …",
    notLoaded: (reason: string) => `This part of the page could not be loaded. Check the connection and reload the page. (${reason})`,
    title: (room: string) => `${room} · deltaprop`,
    about: "About this page",
    source: "Source",
    docs: "Documentation",
    licence: "MIT licence",
    digits: "Digits: MNIST, by LeCun, Cortes and Burges",
    alice: "Text: Alice’s Adventures in Wonderland, by Lewis Carroll (1865, public domain)",
  },
  {
    skip: "跳到正文",
    rooms: "房间",
    messages: "消息",
    language: "语言",
    theme: "主题",
    system: "自动",
    light: "浅色",
    dark: "深色",
    close: "关闭消息",
    loading: "正在载入……",
    notLoaded: (reason: string) => `页面的这一部分无法载入。请检查网络连接并重新载入页面。（${reason}）`,
    title: (room: string) => `${room} · deltaprop`,
    about: "关于本页",
    source: "源代码",
    docs: "文档",
    licence: "MIT 许可证",
    digits: "数字：MNIST，LeCun、Cortes 与 Burges",
    alice: "文本：《爱丽丝梦游仙境》，刘易斯·卡罗尔（1865 年，公有领域）",
  },
);

const REPOSITORY = "https://github.com/deltaprop/deltaprop";
const ABOUT = {
  source: REPOSITORY,
  docs: `${REPOSITORY}#readme`,
  licence: `${REPOSITORY}/blob/main/LICENSE`,
  digits: "https://yann.lecun.com/exdb/mnist/",
  alice: "https://www.gutenberg.org/ebooks/11",
} as const;

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

const language = new Language(),
  theme = new Theme(),
  words = language.words(texts);
const address = new Address();
const notices = new Notices(byId("notices"), language),
  announcer = new Announcer(document.body);
const main = byId("main"),
  nav = byId("rooms");

interface Open {
  readonly host: HTMLElement;
  readonly room: Promise<Room>;
}

const opened = new Map<string, Open>(),
  tabs = new Map<string, HTMLAnchorElement>();
let shown: string | null = null;

const shareUrl = (id: string, link: string): string => {
  const url = new URL(document.baseURI);
  url.hash = `${id}?${link}`;
  return url.href;
};

async function mount({ id, load }: RoomEntry, host: HTMLElement, link: string): Promise<Room> {
  host.append(words.show(element("p", { class: "loading" }), ({ loading }) => loading));
  const { mount } = await load();
  host.replaceChildren();
  return mount(host, {
    language,
    theme,
    notices,
    announcer,
    link,
    shareUrl: (configuration) => shareUrl(id, configuration),
    onLink: (configuration, visited) => address.set(id, configuration, visited),
  });
}

function open(entry: RoomEntry, link: string): void {
  const { id } = entry,
    before = opened.get(id);
  if (shown !== id) notices.clear();
  if (before) {
    if (link && link !== address.linkOf(id)) void before.room.then((room) => room.open?.(link));
  } else {
    const host = element("div", { class: `room ${id}` });
    main.append(host);
    const room = mount(entry, host, link);
    opened.set(id, { host, room });
    room.catch((error: unknown) => {
      // The next click on the tab tries again.
      opened.delete(id);
      host.remove();
      shown = null;
      notices.show("error", () => words.now.notLoaded(reasonOf(error)));
    });
  }
  show(entry);
  address.show(id);
}

function show({ id }: RoomEntry): void {
  if (shown === id) return;
  const leaving = shown === null ? null : opened.get(shown),
    coming = opened.get(id);
  void leaving?.room.then((room) => room.hide?.());
  if (leaving && coming?.room) void coming.room.then((room) => room.show?.());
  shown = id;
  for (const [name, { host }] of opened) host.hidden = name !== id;
  for (const [name, tab] of tabs) {
    if (name === id) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  title();
}

function title(): void {
  const entry = ROOMS.find(({ id }) => id === shown);
  if (entry) document.title = words.now.title(entry.name[language.code].tab);
}

function chooser<T extends string>(
  label: "language" | "theme",
  choices: readonly (readonly [value: T, name: () => string])[],
  first: T,
  choose: (value: T) => void,
): HTMLElement {
  const options = choices.map(([value, name]) => {
    const option = element("option", { value });
    return words.follow(option, () => {
      option.textContent = name();
    });
  });
  const select = words.attribute(element("select", { id: `choose-${label}` }, ...options), "aria-label", (now) => now[label]);
  select.value = first;
  select.addEventListener("change", () => choose(select.value as T));
  return select;
}

for (const { id, name } of ROOMS) {
  const tab = element("a", { href: `#${id}` }),
    own = language.words(name);
  own.show(tab, (now) => now.tab);
  tabs.set(id, tab);
  nav.append(tab);
}
words.attribute(nav, "aria-label", ({ rooms }) => rooms);
words.attribute(byId("notices"), "aria-label", ({ messages }) => messages);
words.show(byId("skip"), ({ skip }) => skip);
words.follow(document.documentElement, () => {
  notices.closeLabel = words.now.close;
  title();
});
byId("choices").append(
  chooser<LanguageCode>(
    "language",
    (Object.keys(LANGUAGES) as LanguageCode[]).map((code) => [code, () => LANGUAGES[code]]),
    language.code,
    (code) => language.choose(code),
  ),
  chooser<ThemeName>(
    "theme",
    THEMES.map((name) => [name, () => words.now[name]]),
    theme.name,
    (name) => theme.choose(name),
  ),
);

words.attribute(byId("about"), "aria-label", ({ about }) => about);
for (const name of Object.keys(ABOUT) as (keyof typeof ABOUT)[]) {
  byId("about").append(words.show(element("a", { href: ABOUT[name], rel: "noopener" }), (now) => now[name]));
}

// The link to the content is no room: it moves the focus and leaves the address alone.
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

function follow(): void {
  const { id, link } = address.read();
  open(ROOMS.find((room) => room.id === id) ?? ROOMS[0], link);
}
addEventListener("hashchange", follow);
follow();
