import { byId, say } from './dom.ts';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const themeKey = 'sentinel-tunnel.theme';

/** The button that goes from the theme of the system to light and to dark. */
export function startTheme(changed: () => void): void {
  const button = byId('theme');
  let theme = kept();
  const apply = (): void => {
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    say(button, { auto: 'Theme: system', light: 'Theme: light', dark: 'Theme: dark' }[theme]);
  };
  apply();
  button.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
    localStorage.setItem(themeKey, theme);
    apply();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

function kept(): Theme {
  const text = localStorage.getItem(themeKey);
  return themes.find((theme) => theme === text) ?? 'auto';
}
