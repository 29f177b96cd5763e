// @ts-check
// German words: sealing, keeping, sending.

/** @type {Record<string, string>} */
export default {
  // Sealing.
  'This browser runs no WebAssembly (a lockdown mode). Photos are sealed all the same, in an older way, which your IT team sees under Health; they are not checked before the shutter, and wristbands cannot be scanned: choose the patient from the list.':
    'Dieser Browser führt kein WebAssembly aus (Blockierungsmodus). Fotos werden trotzdem versiegelt, auf eine ältere Art, die Ihre IT unter „Zustand“ sieht; sie werden vor dem Auslösen nicht geprüft, und Armbänder lassen sich nicht scannen: Wählen Sie den Patienten aus der Liste.',
  'This browser cannot seal photos. Use a current browser, over HTTPS, or leave its lockdown mode for this page.':
    'Dieser Browser kann keine Fotos versiegeln. Verwenden Sie einen aktuellen Browser über HTTPS, oder schalten Sie seinen Blockierungsmodus für diese Seite aus.',
  'This browser runs no WebAssembly, and this hospital takes no photos sealed without it. Leave the lockdown mode for this page, or use another device.':
    'Dieser Browser führt kein WebAssembly aus, und dieses Krankenhaus nimmt keine ohne es versiegelten Fotos an. Schalten Sie den Blockierungsmodus für diese Seite aus, oder verwenden Sie ein anderes Gerät.',
  'This build has no sealing module, so it cannot take photos. Tell your IT team.': 'Dieser Version fehlt das Modul zum Versiegeln, sie kann keine Fotos aufnehmen. Sagen Sie es Ihrer IT.',
  'This browser cannot seal photos. Use a current browser, over HTTPS.': 'Dieser Browser kann keine Fotos versiegeln. Verwenden Sie einen aktuellen Browser über HTTPS.',
  'The sealing module did not load, so no photo can be taken. Check the network and load the page again.': 'Das Modul zum Versiegeln wurde nicht geladen, deshalb sind keine Fotos möglich. Prüfen Sie das Netz und laden Sie die Seite neu.',
  'The sealing module stopped. Load the page again; photos in the queue are safe.': 'Das Modul zum Versiegeln ist stehen geblieben. Laden Sie die Seite neu; wartende Fotos sind sicher.',
  'The photo cannot be sealed: {fact} is not of the form that the vault takes.': 'Das Foto kann nicht versiegelt werden: {fact} hat nicht die Form, die der Tresor annimmt.',
  'The photo cannot be sealed: it has a fact that the vault does not know.': 'Das Foto kann nicht versiegelt werden: Es enthält eine Angabe, die der Tresor nicht kennt.',
  'Sign in again to take photos.': 'Melden Sie sich wieder an, um Fotos aufzunehmen.',
  'The server gave no sealing key. Try again in a minute.': 'Der Server gab keinen Schlüssel zum Versiegeln. Versuchen Sie es in einer Minute noch einmal.',
  'This device was without a network for more than 7 days, so its sealing key is too old. Connect once, then take the photo.':
    'Dieses Gerät war mehr als 7 Tage ohne Netz, darum ist sein Schlüssel zum Versiegeln zu alt. Verbinden Sie es einmal, dann nehmen Sie das Foto auf.',

  // Keeping.
  'This device has no space left. The sealed photo is only in the memory of this page: keep the page open until it is received, free space on the device, or go to where the network is good.':
    'Auf diesem Gerät ist kein Platz mehr. Das versiegelte Foto steht nur im Speicher dieser Seite: Lassen Sie die Seite offen, bis es empfangen ist, schaffen Sie Platz auf dem Gerät, oder gehen Sie dorthin, wo das Netz gut ist.',
  'Only in the memory of this page, since the device is full: keep the page open until it is received.': 'Nur im Speicher dieser Seite, weil das Gerät voll ist: Lassen Sie die Seite offen, bis es empfangen ist.',
  'The sealed photo could not be kept on this device. Take it again, or use another device.': 'Das versiegelte Foto konnte auf diesem Gerät nicht aufbewahrt werden. Nehmen Sie es noch einmal auf, oder verwenden Sie ein anderes Gerät.',
  'This browser cannot keep sealed photos (private window, or storage is off). Use a normal window.': 'Dieser Browser kann versiegelte Fotos nicht aufbewahren (privates Fenster, oder der Speicher ist ausgeschaltet). Verwenden Sie ein normales Fenster.',

  // Sending.
  'The queue on this device could not be read. Trying again.': 'Die Warteschlange auf diesem Gerät war nicht lesbar. Es wird weiter versucht.',
  'The receipt could not be verified, so the sealed photo is kept. Trying again; tell your IT team if this stays.': 'Die Quittung ließ sich nicht prüfen, deshalb bleibt das versiegelte Foto hier. Es wird weiter versucht; sagen Sie es Ihrer IT, wenn es so bleibt.',
  'Sign in again; the photo stays sealed on this device and goes afterwards.': 'Melden Sie sich wieder an; das Foto bleibt versiegelt auf diesem Gerät und geht danach ab.',
  'No connection. The photo stays sealed on this device.': 'Keine Verbindung. Das Foto bleibt versiegelt auf diesem Gerät.',
  'The server cannot take photos at the moment. The photo stays sealed on this device.': 'Der Server nimmt gerade keine Fotos an. Das Foto bleibt versiegelt auf diesem Gerät.',
  'The server could not read this upload.': 'Der Server konnte diese Übertragung nicht lesen.',
  'You may not add photos for this patient.': 'Sie dürfen für diesen Patienten keine Fotos hinzufügen.',
  'The patient was not found, or is not one of yours.': 'Der Patient wurde nicht gefunden oder ist keiner von Ihren.',
  'Another photo was already received under this number.': 'Unter dieser Nummer wurde schon ein anderes Foto empfangen.',
  'The photo is larger than the server takes.': 'Das Foto ist größer, als der Server annimmt.',
  'The server could not accept this photo.': 'Der Server konnte dieses Foto nicht annehmen.',
};
