// @ts-check
// What each warning says, and what to do about it. Every one can be overruled: the person sees more than a program.

import { t } from '../lib/words.js';

/** @import { Code } from './checks-plan.js' */

/**
 * @param {Code} code
 * @returns {{ title: string, todo: string }}
 */
export function warningWords(code) {
  switch (code) {
    case 'face':
      return { title: t('A face is in view'), todo: t('Move so that the face is out of the picture, or say that it is needed.') };
    case 'eyes':
      return { title: t('Eyes are in view'), todo: t('Move so that the eyes are out of the picture, or say that they are needed.') };
    case 'tattoo':
      return { title: t('A tattoo may be in view'), todo: t('Cover it with a cloth, or say that it is needed.') };
    case 'text':
      return { title: t('Print or writing is in view'), todo: t('Take away labels and screens that name the patient.') };
    case 'wristband':
      return { title: t('A wristband or label is in view'), todo: t('Turn it away or cover it: it names the patient.') };
    case 'blur':
      return { title: t('The picture is blurred'), todo: t('Hold still, tap the wound to focus, or move back a little.') };
    case 'glare':
      return { title: t('Light is reflected'), todo: t('Tilt the camera or switch the lamp off.') };
    case 'dark':
      return { title: t('Too dark'), todo: t('Make the room brighter or switch the lamp on.') };
    case 'far':
      return { title: t('Too far away'), todo: t('Move closer until the wound fills the middle.') };
  }
}
