// @ts-check
// The claim on a photo: counted down for the person, renewed while they work.

/** How long a claim lasts when the vault does not say, in milliseconds. */
export const claimLasts = 10 * 60_000;

/**
 * What to do about a claim now. Pure.
 * @param {{ until: number, active: number, renewed: number }} claim moments in milliseconds: end, last act of the person, last renewal
 * @param {number} now
 * @returns {'keep' | 'renew' | 'lost'}
 */
export function claimStep(claim, now) {
  if (now >= claim.until) return 'lost';
  const left = claim.until - now;
  const working = now - claim.active < 3 * 60_000;
  if (working && left < claimLasts - 2 * 60_000 && now - claim.renewed > 30_000) return 'renew';
  return 'keep';
}
