/** The form with which an administrator signs in. It says the same whatever was wrong. */
import { csrfFieldName, Field } from '../view/controls.js';
import { PublicPage } from '../view/public-page.js';

export interface SignInPageProps {
  readonly csrf: string;
  /** where to go afterwards */
  readonly next: string;
  /** what was entered before */
  readonly name?: string;
  readonly error?: string | undefined;
  readonly note?: string | undefined;
}

export const wrongEntry = 'The name or the password is wrong.';

export function SignInPage({ csrf, next, name = '', error, note }: SignInPageProps) {
  return (
    <PublicPage heading="Sign in to Sluice">
      {note === undefined ? undefined : (
        <p class="note" role="status">
          {note}
        </p>
      )}
      {error === undefined ? undefined : (
        <p class="flash failed" role="alert" id="sign-in-error">
          {error}
        </p>
      )}
      <form method="post" action="/admin/sign-in">
        <input type="hidden" name={csrfFieldName} value={csrf} />
        <input type="hidden" name="next" value={next} />
        <Field name="name" label="Name">
          {() => (
            <input
              id="name"
              name="name"
              type="text"
              value={name}
              required
              maxLength={64}
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              aria-describedby={error === undefined ? undefined : 'sign-in-error'}
            />
          )}
        </Field>
        <Field name="password" label="Password">
          {() => (
            <input
              id="password"
              name="password"
              type="password"
              required
              autocomplete="current-password"
              aria-describedby={error === undefined ? undefined : 'sign-in-error'}
            />
          )}
        </Field>
        <button class="plain" type="submit">
          Sign in
        </button>
      </form>
    </PublicPage>
  );
}
