/** Everything of the configuration that may change while connections live, as one immutable snapshot that is swapped at once. */
import { type ConfigProblem, hasErrors } from '../config/problem.js';
import type { Config } from '../config/schema.js';
import { hashFeedsOf, yaraFoldersOf } from '../config/schema-policy.js';
import { normalServerName } from '../config/server-names.js';
import { type FileCategory, fileCategories } from '../inspect/file-category.js';
import type { FallbackCause } from '../scoring/backend.js';
import { type HashFeeds, loadHashFeeds } from '../scoring/hash-feed.js';
import type { ScorerSettings } from '../scoring/scorer.js';
import { loadYaraFolders, type YaraRules } from '../scoring/yara.js';
import { type AddressLists, loadAddressLists } from './address-lists.js';
import type { DecisionPolicy, FallbackAction } from './decide.js';
import { type HashLists, loadHashLists } from './hash-lists.js';
import { recommendedThreshold } from './level.js';
import type { AllowRules } from './match-lists.js';
import type { CategoryProfile, Profile } from './profile.js';

/** One message is judged with one snapshot, from its first list to its notice. */
export interface LivePolicy {
  /** for SMTP */
  readonly decision: DecisionPolicy;
  /** for IMAP: the same lists, threshold and fallbacks, another action */
  readonly imapDecision: DecisionPolicy;
  readonly imap: ImapPolicy;
  /** what `warn` adds to a message */
  readonly headers: Config['policy']['smtp']['headers'];
  /** whether a line is logged when a fallback decides */
  readonly logFallback: boolean;
  readonly addresses: AddressLists;
  readonly allowRules: AllowRules;
  readonly hashes: HashLists;
  readonly feeds: HashFeeds;
  readonly yara: YaraRules;
  readonly scorer: ScorerSettings;
  readonly notice: Config['notice'];
  readonly administrators: Config['administrators'];
  /** what recipients may do, and how a message is released */
  readonly release: Pick<Config['quarantine'], 'recipientMay' | 'releaseAs'>;
  /** begins the link in notices; empty for none */
  readonly publicUrl: string;
  /** who may sign in to the administrators' pages, and the address under which these are reached */
  readonly console: { readonly accounts: Config['portal']['administrators']; readonly url: string };
}

/** What is asked before a message is judged over IMAP, and what its notice says. */
export interface ImapPolicy {
  /** `permit`: everything passes, neither lists nor scores are asked */
  readonly action: 'block' | 'permit';
  /** for `isServerListed` */
  readonly servers: 'all' | ReadonlySet<string>;
  /** empty for none */
  readonly releaseRequestAddress: string;
  readonly judge: Config['imap']['judge'];
}

export interface BuiltPolicy {
  /** undefined when a problem is an error */
  readonly snapshot: LivePolicy | undefined;
  readonly problems: readonly ConfigProblem[];
}

/** Loads all lists and feeds in slices that let the event loop run, and hands over the snapshot when it is complete. */
export async function buildLivePolicy(config: Config): Promise<BuiltPolicy> {
  const addresses = await loadAddressLists(config.lists);
  const hashes = await loadHashLists(config.lists);
  const feeds = await loadHashFeeds(hashFeedsOf(config.scoring.backends));
  const yara = await loadYaraFolders(yaraFoldersOf(config.scoring.backends));
  const problems = [...addresses.problems, ...hashes.problems, ...feeds.problems, ...yara.problems];
  if (hasErrors(problems)) return { snapshot: undefined, problems };
  const snapshot: LivePolicy = {
    decision: decisionPolicy(config),
    imapDecision: imapDecisionPolicy(config),
    imap: imapPolicy(config),
    headers: config.policy.smtp.headers,
    logFallback: config.policy.fallback.log,
    addresses: addresses.lists,
    allowRules: { allowFields: config.lists.allowFields, allowRecipients: config.lists.allowRecipients },
    hashes: hashes.lists,
    feeds: feeds.feeds,
    yara: yara.rules,
    scorer: { deadlineMs: config.scoring.deadlineMs, cache: config.scoring.cache.ttlSeconds },
    notice: config.notice,
    administrators: config.administrators,
    release: { recipientMay: config.quarantine.recipientMay, releaseAs: config.quarantine.releaseAs },
    publicUrl: config.portal.publicUrl,
    console: { accounts: config.portal.administrators, url: config.portal.adminUrl },
  };
  return { snapshot, problems };
}

/** The part of the configuration that `decide` reads, with all defaults settled. */
export function decisionPolicy(config: Pick<Config, 'policy' | 'lists' | 'scoring'>): DecisionPolicy {
  const { policy, lists, scoring } = config;
  const { causes } = policy.fallback;
  const or = (action: FallbackAction | undefined): FallbackAction => action ?? policy.fallback.default;
  const fallback: Record<FallbackCause, FallbackAction> = {
    'backend-unavailable': or(causes['backend-unavailable']),
    'verdict-timeout': or(causes['verdict-timeout']),
    'out-of-resources': or(causes['out-of-resources']),
    oversize: causes.oversize,
    unscannable: causes.unscannable,
    encrypted: causes.encrypted,
    'unknown-file': causes['unknown-file'],
  };
  return {
    action: policy.smtp.action,
    threshold: policy.verdictThreshold === 'recommended' ? recommendedThreshold : policy.verdictThreshold,
    levelMap: scoring.levelMap,
    fallback,
    ambiguous: policy.ambiguous,
    applyWithoutAttachment: lists.applyWithoutAttachment,
    profile: profileOf(policy.profile),
  };
}

/** A message that is read over IMAP is never changed, so that there is no warning. */
export function imapDecisionPolicy(config: Pick<Config, 'policy' | 'lists' | 'scoring'>): DecisionPolicy {
  const policy = decisionPolicy(config);
  const ambiguous = policy.ambiguous === 'warn' ? 'permit' : policy.ambiguous;
  return { ...policy, ambiguous, action: config.policy.imap.action };
}

function imapPolicy({ policy, imap, notice }: Config): ImapPolicy {
  const { action, servers, releaseRequestAddress } = policy.imap;
  return {
    action,
    servers: servers === 'all' ? 'all' : new Set(servers.map(normalServerName)),
    releaseRequestAddress: releaseRequestAddress === '' ? notice.releaseRequestAddress : releaseRequestAddress,
    judge: imap.judge,
  };
}

function profileOf(written: Config['policy']['profile']): Profile {
  const settled = ({ mode, maxBytes }: (typeof written)[FileCategory]): CategoryProfile => ({
    mode,
    maxBytes: maxBytes === 'none' ? undefined : maxBytes,
  });
  // One entry for each key, as the schema has exactly the categories.
  return Object.fromEntries(fileCategories.map((category) => [category, settled(written[category])])) as Profile;
}
