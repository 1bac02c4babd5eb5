/**
 * The settings and the lists among the administrators' pages. Everything that they show comes from the configuration
 * file, and everything that they change goes there; the gate then reads it as it would after an editor.
 */
import type { FastifyInstance } from 'fastify';
import { registerAdministrators } from './administrators-page.js';
import { settingsPages } from './field-table.js';
import { BackendTable, registerFilePages } from './file-page.js';
import { type FormShown, registerFormPage } from './form-page.js';
import { registerLists } from './lists-page.js';
import { PreviewButton, registerNoticePreview } from './notice-preview.js';
import type { SettingsOptions } from './options.js';

/** @param scope behind the sign-in: `request.operator` is set, and no form comes here that its session did not make */
export function registerSettings(scope: FastifyInstance, options: SettingsOptions): void {
  for (const page of settingsPages) {
    if (page.name === 'notice') {
      const buttons = <PreviewButton page={page} />;
      registerFormPage(scope, options, page, (shown) => ({ ...shown, buttons }));
      registerNoticePreview(scope, options, page);
    } else if (page.name === 'scoring') {
      registerFormPage(scope, options, page, withBackends);
    } else {
      registerFormPage(scope, options, page);
    }
  }
  registerAdministrators(scope, options);
  registerLists(scope, options);
  registerFilePages(scope, options);
}

function withBackends(shown: FormShown): FormShown {
  const { settings } = shown.state;
  return settings === undefined ? shown : { ...shown, below: <BackendTable settings={settings} /> };
}
