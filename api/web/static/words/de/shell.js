// @ts-check
// German words: the frame of the page, the queue, signing out, the page of sent photos, the lock.

/** @type {Record<string, string>} */
export default {
  // The menu.
  'Skip to the content': 'Zum Inhalt springen',
  'Main': 'Hauptmenü',
  'Menu': 'Menü',
  'Sent': 'Gesendet',
  'Patients': 'Patienten',
  'Delegation': 'Vertretung',
  'Review': 'Prüfung',
  'Records': 'Akten',
  'Audit': 'Protokoll',
  'Access': 'Zugriffe',
  'Recalls': 'Rückrufe',
  'Erasure': 'Löschung',
  'Holds': 'Sperren',
  'Retention': 'Aufbewahrung',
  'People': 'Personen',
  'Teams': 'Teams',
  'Messages': 'Meldungen',
  'Health': 'Zustand',
  'Detection': 'Erkennung',
  'Devices': 'Geräte',
  'Notices': 'Hinweise',
  'Lock': 'Sperren',
  'Sign out': 'Abmelden',

  // Network, clock, version, installing.
  'There is no network, and nobody is signed in on this device. Connect to sign in. Sealed photos stay here and are safe.':
    'Es gibt kein Netz, und niemand ist auf diesem Gerät angemeldet. Zum Anmelden bitte verbinden. Versiegelte Fotos bleiben hier und sind sicher.',
  'The server does not answer. Photos are sealed and wait on this device; they go by themselves.':
    'Der Server antwortet nicht. Fotos werden versiegelt und warten auf diesem Gerät; sie gehen von selbst hinaus.',
  'No network. Photos are sealed and wait on this device; they go by themselves.':
    'Kein Netz. Fotos werden versiegelt und warten auf diesem Gerät; sie gehen von selbst hinaus.',
  'The clock of this device is {n} minutes slow. Photos get the server’s time. Please set the clock.':
    'Die Uhr dieses Geräts geht {n} Minuten nach. Fotos erhalten die Zeit des Servers. Bitte die Uhr stellen.',
  'The clock of this device is {n} minutes fast. Photos get the server’s time. Please set the clock.':
    'Die Uhr dieses Geräts geht {n} Minuten vor. Fotos erhalten die Zeit des Servers. Bitte die Uhr stellen.',
  'The clock of this device is {n} hours slow. Photos get the server’s time. Please set the clock.':
    'Die Uhr dieses Geräts geht {n} Stunden nach. Fotos erhalten die Zeit des Servers. Bitte die Uhr stellen.',
  'The clock of this device is {n} hours fast. Photos get the server’s time. Please set the clock.':
    'Die Uhr dieses Geräts geht {n} Stunden vor. Fotos erhalten die Zeit des Servers. Bitte die Uhr stellen.',
  'The clock of this device is {n} days slow. Photos get the server’s time. Please set the clock.':
    'Die Uhr dieses Geräts geht {n} Tage nach. Fotos erhalten die Zeit des Servers. Bitte die Uhr stellen.',
  'The clock of this device is {n} days fast. Photos get the server’s time. Please set the clock.':
    'Die Uhr dieses Geräts geht {n} Tage vor. Fotos erhalten die Zeit des Servers. Bitte die Uhr stellen.',
  'A new version of this page is ready.': 'Eine neue Version dieser Seite liegt bereit.',
  'Use it now': 'Jetzt verwenden',
  'After this photo': 'Nach diesem Foto',
  'Put Clinivault on the home screen: it opens at once, also without a network.':
    'Clinivault auf den Startbildschirm legen: Es öffnet sofort, auch ohne Netz.',
  'To have Clinivault on the home screen, also without a network: tap Share, then Add to Home Screen.':
    'Damit Clinivault auf dem Startbildschirm liegt, auch ohne Netz: „Teilen“ antippen, dann „Zum Home-Bildschirm“.',
  'Install': 'Installieren',
  'Not now': 'Nicht jetzt',

  // The queue.
  'On the way': 'Unterwegs',
  'Not taken': 'Nicht angenommen',
  'The sealed photo is kept on this device. Put the cause right, then try again; if that does not help, show this to your IT team.':
    'Das versiegelte Foto bleibt auf diesem Gerät. Bitte die Ursache beheben und erneut versuchen; hilft das nicht, dies der IT zeigen.',
  'All sent. Waiting for the signed receipt.': 'Alles gesendet. Die signierte Quittung steht noch aus.',
  'Sending': 'Wird gesendet',
  '{sent} of {total}': '{sent} von {total}',
  'Sealed': 'Versiegelt',
  '{size}, waits for its turn.': '{size}, wartet, bis es an der Reihe ist.',
  '{n} not taken, please look': '{n} nicht angenommen, bitte ansehen',
  '{n} on the way': '{n} unterwegs',
  'The photo was received': 'Das Foto ist angekommen',
  'All {n} photos were received': 'Alle {n} Fotos sind angekommen',
  'One sealed photo of somebody else waits here; it goes when that person signs in on this device.':
    'Ein versiegeltes Foto einer anderen Person wartet hier; es geht hinaus, wenn diese Person sich auf diesem Gerät anmeldet.',
  '{n} sealed photos of somebody else wait here; they go when that person signs in on this device.':
    '{n} versiegelte Fotos anderer Personen warten hier; sie gehen hinaus, wenn diese sich auf diesem Gerät anmelden.',
  'The oldest photo has waited for {n} hours. Bring this device to where the network is good, and keep this page open.':
    'Das älteste Foto wartet seit {n} Stunden. Bitte das Gerät dorthin bringen, wo das Netz gut ist, und diese Seite offen lassen.',
  'This device has room for {size} more. Send what waits before you take many photos, or free space on it.':
    'Auf diesem Gerät ist noch Platz für {size}. Bitte erst senden, was wartet, oder Platz schaffen, bevor viele Fotos entstehen.',
  'This browser may clear what waits here when the device runs out of space. Keep this page open until all is received; installing it on the home screen helps.':
    'Der Browser kann löschen, was hier wartet, wenn dem Gerät der Platz ausgeht. Bitte diese Seite offen lassen, bis alles angekommen ist; das Ablegen auf dem Startbildschirm hilft.',
  'Photo received.': 'Foto angekommen.',
  'Photo of {time}': 'Foto vom {time}',
  'Received': 'Angekommen',
  'The vault has it, with a signed receipt. The copy on this device is gone.':
    'Der Tresor hat es, mit signierter Quittung. Die Kopie auf diesem Gerät ist gelöscht.',
  'Try again': 'Erneut versuchen',
  'Sent so far': 'Bisher gesendet',

  // Signing out.
  'Sealed photos still wait here': 'Hier warten noch versiegelte Fotos',
  'One photo of yours has not reached the vault yet.': 'Ein Foto von Ihnen ist noch nicht im Tresor angekommen.',
  '{n} photos of yours have not reached the vault yet.': '{n} Fotos von Ihnen sind noch nicht im Tresor angekommen.',
  'They stay on this device, sealed: nobody can open them here, not even you. They go to the vault when you sign in on this device again. Nobody else can send them, because the vault takes a photo only from the person who took it.':
    'Sie bleiben versiegelt auf diesem Gerät: Niemand kann sie hier öffnen, auch Sie nicht. Sie gehen in den Tresor, sobald Sie sich auf diesem Gerät wieder anmelden. Niemand sonst kann sie senden, denn der Tresor nimmt ein Foto nur von der Person an, die es aufgenommen hat.',
  'Stay signed in': 'Angemeldet bleiben',
  'Sign out, leave them here': 'Abmelden, Fotos hier lassen',
  'Send first': 'Zuerst senden',
  'Whoever was here before is being signed out. Try again in a moment.': 'Wer vorher hier war, wird gerade abgemeldet. Versuchen Sie es gleich noch einmal.',
  'The server does not answer, so your session cannot be ended yet. This page stays locked, and you are signed out as soon as the server answers.':
    'Der Server antwortet nicht, darum kann Ihre Sitzung noch nicht beendet werden. Diese Seite bleibt gesperrt, und Sie werden abgemeldet, sobald der Server antwortet.',

  // The page of sent photos.
  'Photos I sent': 'Meine gesendeten Fotos',
  'Send what waits': 'Senden, was wartet',
  'Received means that the vault has the photo durably. It is then prepared and checked by a reviewer who did not take it.':
    'Angekommen heißt: Der Tresor hat das Foto dauerhaft. Danach wird es vorbereitet und von jemandem geprüft, der es nicht aufgenommen hat.',
  'What is covered here is only proposed; a reviewer decides.': 'Was hier verdeckt ist, ist nur ein Vorschlag; die Prüfung entscheidet.',
  'You have not sent a photo yet.': 'Sie haben noch kein Foto gesendet.',

  // The lock, and signing in again.
  'Somebody': 'Jemand',
  'Locked': 'Gesperrt',
  'is signed in here. What was open is as it was; sealed photos go on to the vault.':
    'ist hier angemeldet. Was offen war, ist noch da; versiegelte Fotos gehen weiter in den Tresor.',
  'Open with your passkey': 'Mit dem Passkey öffnen',
  'Open': 'Öffnen',
  'Or somebody else who is signed in here': 'Oder jemand anderes, der hier angemeldet ist',
  'Another way, or another person': 'Ein anderer Weg oder eine andere Person',
  'Login': 'Benutzername',
  'Password': 'Passwort',
  'Six digits of your authenticator app': 'Sechs Ziffern Ihrer Authenticator-App',
  'One of your recovery codes': 'Einer Ihrer Wiederherstellungscodes',
  'Use a recovery code instead': 'Stattdessen einen Wiederherstellungscode verwenden',
  'Start again': 'Von vorn beginnen',
  'Is it you?': 'Sind Sie es?',
  'This needs a fresh sign that it is you. What you were doing goes on by itself afterwards.':
    'Hierfür müssen Sie noch einmal zeigen, dass Sie es sind. Danach geht es von selbst weiter.',
  'Use your passkey': 'Passkey verwenden',
  'Cancel': 'Abbrechen',
  'Go on': 'Weiter',
  'Your session has ended. Sign in to go on.': 'Ihre Sitzung ist beendet. Zum Weitermachen bitte anmelden.',
  'PIN of {name} on this device': 'PIN von {name} auf diesem Gerät',
  'Your PIN on this device': 'Ihre PIN auf diesem Gerät',
  'Your password': 'Ihr Passwort',
  'Please fill in the field.': 'Bitte das Feld ausfüllen.',
  'Please give the six digits.': 'Bitte die sechs Ziffern angeben.',
  'Please give your password.': 'Bitte Ihr Passwort angeben.',
  'You have no second factor yet. Add one on the page Account first.': 'Sie haben noch keinen zweiten Faktor. Fügen Sie zuerst auf der Seite „Konto“ einen hinzu.',
  'Something went wrong. Please try again.': 'Etwas ist schiefgegangen. Bitte noch einmal versuchen.',

  // The photos that were sent.
  'Being prepared': 'In Vorbereitung',
  'Waiting for review': 'Wartet auf Prüfung',
  'Approved': 'Freigegeben',
  'Rejected': 'Abgelehnt',
  'Could not be used': 'Nicht verwendbar',
  'Erased': 'Gelöscht',
  'Consent withdrawn': 'Einwilligung widerrufen',
  'Recalled': 'Zurückgerufen',
  'received': 'angekommen',
  'number': 'Nr.',
  'Site': 'Körperstelle',
  'Taken': 'Aufgenommen',
  'Visit': 'Besuch',
  'By': 'Von',
  'Consent': 'Einwilligung',
  'record': 'Akte',
  'teaching': 'Lehre',
  'publication': 'Publikation',
  'none': 'keine',
  'both sides': 'beidseits',
  'middle': 'Mitte',
  'Take it again': 'Noch einmal aufnehmen',
  'Removed from the file:': 'Aus der Datei entfernt:',
  'The picture is being prepared.': 'Das Bild wird vorbereitet.',
  'The patient withdrew consent to the record. Nobody sees the photo; if the patient allows it again, it is reviewed anew.':
    'Der Patient hat die Einwilligung für die Akte widerrufen. Niemand sieht das Foto; wird es wieder erlaubt, wird es neu geprüft.',
  'It was recalled: it shows another patient.': 'Es wurde zurückgerufen: Es zeigt einen anderen Patienten.',
};
