/** The settings pages: which keys each of them shows, in the order and the words of the people who look for them. */
import { fileCategories } from '../../inspect/file-category.js';
import type { FieldGroup, FieldOption, FieldSpec } from './fields.js';

export interface SettingsPage {
  /** the last step of its address */
  readonly name: string;
  readonly title: string;
  readonly intro: readonly string[];
  readonly groups: readonly FieldGroup[];
}

const yesNo = (yes: string, no: string): readonly FieldOption[] => [
  { value: true, label: yes },
  { value: false, label: no },
];

const thresholds: readonly FieldOption[] = [
  { value: 'recommended', label: 'Recommended (7)' },
  ...Array.from({ length: 10 }, (_, index) => ({ value: index + 1, label: String(index + 1) })),
];

const threshold: FieldSpec = {
  path: 'policy.verdictThreshold',
  label: 'Verdict threshold',
  kind: 'select',
  options: thresholds,
  note: 'One threshold for SMTP and IMAP.',
};

const smtpPage: SettingsPage = {
  name: 'smtp',
  title: 'SMTP',
  intro: ['What happens to mail that is sent through the gate when an attachment is malicious.'],
  groups: [
    {
      legend: 'Malicious messages',
      fields: [
        {
          path: 'policy.smtp.action',
          label: 'Action to take',
          kind: 'radio',
          options: [
            {
              value: 'block',
              label: 'Quarantine malicious messages',
              hint: 'The original is kept encrypted, and each recipient gets a notice in its place.',
            },
            {
              value: 'warn',
              label: 'Deliver malicious messages with warning headers added',
              hint: 'Most mail servers know these headers and put such mail into a spam or junk folder.',
            },
            {
              value: 'permit',
              label: 'Permit',
              hint: 'The recipient gets the message intact; it is still inspected, and an incident is recorded.',
            },
          ],
        },
        threshold,
      ],
    },
    {
      legend: 'SMTP header',
      intro: 'Added only when messages are delivered with warning headers.',
      fields: [
        {
          path: 'policy.smtp.headers.xDistribution',
          label: 'X-Distribution',
          kind: 'select',
          options: [
            { value: 'Bulk', label: 'Bulk' },
            { value: 'Spam', label: 'Spam' },
            { value: 'none', label: 'Do not add this header' },
          ],
          note: 'For messages that went to a large distribution list and are most likely spam.',
        },
        {
          path: 'policy.smtp.headers.xSpamFlag',
          label: 'X-Spam-Flag',
          kind: 'select',
          options: yesNo('Add this header', 'Do not add this header'),
          note: 'Common on mail that belongs into a spam or junk folder.',
        },
        {
          path: 'policy.smtp.headers.subjectPrefix',
          label: 'Subject prefix',
          kind: 'text',
          note: 'A blank at its end keeps it apart from the subject.',
        },
      ],
    },
    {
      legend: 'Release from quarantine',
      fields: [
        {
          path: 'quarantine.recipientMay',
          label: 'Recipients',
          kind: 'radio',
          options: [
            {
              value: 'request',
              label: 'Recipients can request that a message is released',
              hint: 'An administrator decides.',
            },
            { value: 'release', label: 'Recipients can release a message themselves' },
          ],
        },
        {
          path: 'quarantine.releaseAs',
          label: 'Form of a released message',
          kind: 'select',
          options: [
            { value: 'original', label: 'The original message' },
            { value: 'zip', label: 'Attachments in an encrypted ZIP archive' },
          ],
        },
      ],
    },
  ],
};

const imapPage: SettingsPage = {
  name: 'imap',
  title: 'IMAP',
  intro: ['What happens to malicious mail that is read through the gate.'],
  groups: [
    {
      legend: 'Block malicious messages',
      fields: [
        {
          path: 'policy.imap.action',
          label: 'Action to take',
          kind: 'radio',
          options: [
            {
              value: 'permit',
              label: 'Permit download of attachments',
              hint: 'Attachments reach their readers from all servers below. The allow and block lists are not checked then: mail from blocked addresses is not scanned and passes like any other.',
            },
            {
              value: 'block',
              label: 'Block download of attachments',
              hint: 'The allow and block lists are checked: mail from blocked addresses is blocked, mail from allowed addresses passes. A reader gets a notice in place of a blocked message, and the original is kept encrypted.',
            },
          ],
        },
        {
          path: 'policy.imap.releaseRequestAddress',
          label: 'Release request address',
          kind: 'text',
          type: 'email',
          trimmed: true,
          note: 'When a blocked message has several recipients, any one of them can ask for it, and a release gives it to all of them.',
        },
      ],
    },
    {
      legend: 'IMAP server',
      fields: [
        {
          path: 'policy.imap.servers',
          label: 'IMAP server',
          kind: 'servers',
          note: 'Enter host names, not IP addresses.',
        },
      ],
    },
  ],
};

const noticePage: SettingsPage = {
  name: 'notice',
  title: 'Notifications for recipients',
  intro: [
    'The message that a recipient gets when one was blocked. Preview shows it with the entries below before they are saved.',
  ],
  groups: [
    {
      legend: 'Email notifications for end users',
      fields: [
        {
          path: 'notice.learnMoreUrl',
          label: 'Learn more link URL',
          kind: 'text',
          type: 'url',
          trimmed: true,
          note: 'Leave it blank to show no such link.',
        },
        {
          path: 'notice.subject',
          label: 'Subject',
          kind: 'text',
          note: 'It should tell that a suspicious message was blocked.',
        },
        {
          path: 'notice.message',
          label: 'Custom message',
          kind: 'area',
          note: 'Help recipients to understand what they should do next. A blank line begins a new paragraph.',
        },
        {
          path: 'notice.linkText',
          label: 'Custom link text',
          kind: 'text',
          note: 'The link leads to the page where recipients look at blocked mail and act on it.',
        },
      ],
    },
    {
      legend: 'Sender and validity',
      fields: [
        { path: 'notice.from', label: 'From', kind: 'text', trimmed: true, optional: true },
        {
          path: 'notice.releaseRequestAddress',
          label: 'Release request address',
          kind: 'text',
          type: 'email',
          trimmed: true,
        },
        { path: 'notice.validDays', label: 'Days', kind: 'number' },
      ],
    },
  ],
};

const fallbackActions: readonly FieldOption[] = [
  { value: 'permit', label: 'Permit' },
  { value: 'block', label: 'Block' },
  { value: 'defer', label: 'Defer: ask to try again later' },
];
const fallbackOrDefault: readonly FieldOption[] = [{ value: null, label: 'As the default above' }, ...fallbackActions];

const cause = (name: string, label: string, options = fallbackActions): FieldSpec => ({
  path: `policy.fallback.causes.${name}`,
  label,
  kind: 'select',
  options,
});

const fallbackPage: SettingsPage = {
  name: 'fallback',
  title: 'Fallback',
  intro: ['What happens to a message when there is no verdict.'],
  groups: [
    {
      legend: 'All causes',
      fields: [
        { path: 'policy.fallback.default', label: 'Default', kind: 'select', options: fallbackActions },
        { path: 'policy.fallback.log', label: 'Log', kind: 'select', options: yesNo('Write a line', 'Write nothing') },
      ],
    },
    {
      legend: 'By cause',
      fields: [
        cause('backend-unavailable', 'Backend unavailable', fallbackOrDefault),
        cause('verdict-timeout', 'Verdict timeout', fallbackOrDefault),
        cause('out-of-resources', 'Out of resources', fallbackOrDefault),
        cause('oversize', 'Oversize'),
        cause('unscannable', 'Unscannable'),
        cause('encrypted', 'Encrypted'),
        cause('unknown-file', 'Unknown file'),
      ],
    },
    {
      legend: 'Ambiguous messages',
      fields: [
        {
          path: 'policy.ambiguous',
          label: 'Ambiguous but clean',
          kind: 'select',
          options: [
            { value: 'permit', label: 'Permit' },
            { value: 'warn', label: 'Deliver with warning headers' },
            { value: 'block', label: 'Block' },
          ],
        },
      ],
    },
  ],
};

const profilePage: SettingsPage = {
  name: 'profile',
  title: 'File types',
  intro: [
    'How far files of each kind are looked at: scanned, only compared by their hash, or passed. A file above the maximum meets the fallback for oversize.',
  ],
  groups: fileCategories.map((category) => ({
    legend: category,
    fields: [
      {
        path: `policy.profile.${category}.mode`,
        label: `${category}: mode`,
        kind: 'select',
        options: [
          { value: 'scan', label: 'Scan' },
          { value: 'hash-only', label: 'Hash only' },
          { value: 'skip', label: 'Skip' },
        ],
      },
      {
        path: `policy.profile.${category}.maxBytes`,
        label: `${category}: maximum bytes`,
        kind: 'number',
        note: 'Write none for no maximum.',
      },
    ],
  })),
};

const scoringPage: SettingsPage = {
  name: 'scoring',
  title: 'Scoring',
  intro: ['How scores become threat levels, and how long they are waited for.'],
  groups: [
    {
      legend: 'Verdict',
      fields: [threshold, { path: 'scoring.deadlineMs', label: 'Deadline in milliseconds', kind: 'number' }],
    },
    { legend: 'Levels', fields: [{ path: 'scoring.levelMap', label: 'Threat level by score', kind: 'levels' }] },
  ],
};

export const settingsPages: readonly SettingsPage[] = [
  smtpPage,
  imapPage,
  noticePage,
  fallbackPage,
  profilePage,
  scoringPage,
];

/** How the address lists are asked; on the page of the lists. */
export const listRules: readonly FieldSpec[] = [
  {
    path: 'lists.allowFields',
    label: 'Where an allowed address may stand',
    kind: 'checks',
    options: [
      { value: 'envelope-from', label: 'Envelope From (MAIL FROM)' },
      { value: 'envelope-to', label: 'Envelope To (RCPT TO)' },
      { value: 'body-sender', label: 'Body sender (From, Sender)' },
      { value: 'body-receiver', label: 'Body receiver (To, Cc)' },
    ],
  },
  {
    path: 'lists.allowRecipients',
    label: 'Several recipients',
    kind: 'radio',
    options: [
      { value: 'any', label: 'One allowed recipient is enough' },
      { value: 'all', label: 'All recipients of the envelope must be allowed' },
    ],
  },
  {
    path: 'lists.applyWithoutAttachment',
    label: 'Mail without an attachment',
    kind: 'radio',
    options: yesNo('The lists are asked', 'It passes, and the lists are not asked'),
  },
];
