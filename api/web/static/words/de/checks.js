// @ts-check
// German words: checks.

/** @type {Record<string, string>} */
export default {
  'A face is in view': 'Ein Gesicht ist im Bild',
  'Move so that the face is out of the picture, or say that it is needed.': 'Kamera so halten, dass das Gesicht nicht im Bild ist, oder bestätigen, dass es gebraucht wird.',
  'Eyes are in view': 'Augen sind im Bild',
  'Move so that the eyes are out of the picture, or say that they are needed.': 'Kamera so halten, dass die Augen nicht im Bild sind, oder bestätigen, dass sie gebraucht werden.',
  'A tattoo may be in view': 'Möglicherweise ist eine Tätowierung im Bild',
  'Cover it with a cloth, or say that it is needed.': 'Mit einem Tuch abdecken oder bestätigen, dass sie gebraucht wird.',
  'Print or writing is in view': 'Schrift ist im Bild',
  'Take away labels and screens that name the patient.': 'Etiketten und Bildschirme mit Patientendaten aus dem Bild nehmen.',
  'A wristband or label is in view': 'Ein Armband oder Etikett ist im Bild',
  'Turn it away or cover it: it names the patient.': 'Wegdrehen oder abdecken: Es nennt den Patienten.',
  'The picture is blurred': 'Das Bild ist unscharf',
  'Hold still, tap the wound to focus, or move back a little.': 'Ruhig halten, zum Scharfstellen auf die Wunde tippen oder etwas zurückgehen.',
  'Light is reflected': 'Licht spiegelt sich',
  'Tilt the camera or switch the lamp off.': 'Kamera neigen oder Lampe ausschalten.',
  'Too dark': 'Zu dunkel',
  'Make the room brighter or switch the lamp on.': 'Raum heller machen oder Lampe einschalten.',
  'Too far away': 'Zu weit entfernt',
  'Move closer until the wound fills the middle.': 'Näher herangehen, bis die Wunde die Mitte ausfüllt.',
};
