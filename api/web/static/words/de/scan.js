// @ts-check
// German words: wristbands and the list of the ward.

/** @type {Record<string, string>} */
export default {
  'The code is empty. Scan the wristband again.': 'Der Code ist leer. Bitte das Armband noch einmal scannen.',
  'This kind of code does not stand on wristbands. Scan the wristband.': 'Diese Art Code steht nicht auf Armbändern. Bitte das Armband scannen.',
  'This is the code of a medicine or a product, not a wristband.': 'Das ist der Code eines Medikaments oder Produkts, kein Armband.',
  'This is the code of a member of staff (8017), not of a patient.': 'Das ist der Code eines Mitarbeiters (8017), nicht der eines Patienten.',
  'This GS1 code is not a patient’s wristband.': 'Dieser GS1-Code ist kein Patientenarmband.',
  'This is a web address, not a wristband.': 'Das ist eine Internetadresse, kein Armband.',
  'This is a boarding pass, not a wristband.': 'Das ist eine Bordkarte, kein Armband.',
  'The number on the band does not add up: it was misread, or printed wrong. Scan again, or pick the patient from the list.':
    'Die Prüfziffer der Nummer stimmt nicht: falsch gelesen oder falsch gedruckt. Noch einmal scannen oder den Patienten aus der Liste wählen.',
  'The band’s code is not built as GS1 asks. Have a new band printed, and pick the patient from the list.':
    'Der Code des Armbands entspricht nicht dem GS1-Standard. Ein neues Armband drucken lassen und den Patienten aus der Liste wählen.',
  'The code holds a GS1 number without the mark of GS1, so it may be anything. Have a new band printed, and pick the patient from the list.':
    'Der Code enthält eine GS1-Nummer ohne GS1-Kennzeichen und kann alles Mögliche sein. Ein neues Armband drucken lassen und den Patienten aus der Liste wählen.',
  'The number may be a record number or an NHS number. Pick the patient from the list; your IT team can say which of both your bands carry.':
    'Die Nummer kann eine Patientennummer oder eine NHS-Nummer sein. Den Patienten aus der Liste wählen; die IT kann festlegen, welche der beiden auf Ihren Armbändern steht.',
  'This is no number that wristbands here carry. Scan the wristband.': 'Eine solche Nummer steht hier nicht auf Armbändern. Bitte das Armband scannen.',
};
