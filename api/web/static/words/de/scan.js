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
  'This browser cannot read wristbands here. Pick the patient from the list.': 'Dieser Browser kann hier keine Armbänder lesen. Den Patienten aus der Liste wählen.',
  'No wristband read yet. Hold the band flat and in the light, a hand’s width away, or pick the patient from the list.':
    'Noch kein Armband gelesen. Das Armband flach und im Licht halten, eine Handbreit entfernt, oder den Patienten aus der Liste wählen.',
  'More than one wristband is in view. Show one alone.': 'Mehr als ein Armband ist im Bild. Bitte nur eines zeigen.',
  'Only one of the two codes in view leads to a patient of yours. Show one code alone.':
    'Nur einer der beiden Codes im Bild führt zu einem Ihrer Patienten. Bitte nur einen Code zeigen.',
  'Without a network this device knows no patients: no list was fetched here. Connect, and the list comes by itself.':
    'Ohne Netz kennt dieses Gerät keine Patienten: Es wurde keine Liste geladen. Mit dem Netz verbinden, dann kommt die Liste von selbst.',
  'Your list is closed. Open it with your passkey, or connect to the network.': 'Ihre Liste ist geschlossen. Mit dem Passkey öffnen oder mit dem Netz verbinden.',
  'This device is not prepared for use without a network. Connect, then sign in with a passkey or press “Use this device offline”.':
    'Dieses Gerät ist nicht für die Zeit ohne Netz vorbereitet. Mit dem Netz verbinden, dann mit einem Passkey anmelden oder „Dieses Gerät ohne Netz verwenden“ wählen.',
  'This wristband was just read. Take it away for two seconds to scan it again.': 'Dieses Armband wurde gerade gelesen. Nehmen Sie es zwei Sekunden weg, um es noch einmal zu scannen.',
  'The clock of this device went back, so nobody can say whether the list still holds. Connect to the network.':
    'Die Uhr dieses Geräts wurde zurückgestellt; ob die Liste noch gilt, ist nicht zu sagen. Mit dem Netz verbinden.',
  'The list on this device ended at {at}. Connect to the network to fetch it anew.': 'Die Liste auf diesem Gerät galt bis {at}. Mit dem Netz verbinden, um sie neu zu laden.',
  'The list was signed with a newer key of the vault. Connect to the network to fetch it anew.':
    'Die Liste ist mit einem neueren Schlüssel unterschrieben. Mit dem Netz verbinden, um sie neu zu laden.',
  'The list on this device was changed, and is deleted. Connect to the network to fetch it anew, and tell your IT team.':
    'Die Liste auf diesem Gerät wurde verändert und ist gelöscht. Mit dem Netz verbinden, um sie neu zu laden, und die IT verständigen.',
  'This is not one of your patients. Ask the ward to add you to their team, or break the glass.':
    'Das ist keiner Ihrer Patienten. Die Station bitten, Sie in das Team aufzunehmen, oder den Notfallzugriff öffnen.',
  'This patient is not on the list of this device, which is from {at}. Connect to the network, or ask a colleague who treats them.':
    'Dieser Patient steht nicht auf der Liste dieses Geräts von {at}. Mit dem Netz verbinden oder jemanden fragen, der ihn behandelt.',
  'This patient is not among the {n} on the list of this device. Connect to the network to look them up.':
    'Dieser Patient ist nicht unter den {n} auf der Liste dieses Geräts. Mit dem Netz verbinden, um ihn zu suchen.',
  'This browser has no passkeys, so the list stays closed without the network.': 'Dieser Browser kennt keine Passkeys; ohne Netz bleibt die Liste geschlossen.',
  'This passkey cannot open anything without the network. Add another passkey on the page Account, on this device, and try again.':
    'Dieser Passkey kann ohne Netz nichts öffnen. Auf der Seite Account einen anderen Passkey auf diesem Gerät anlegen und noch einmal versuchen.',
  'This browser keeps nothing, so the list stays closed without the network.': 'Dieser Browser bewahrt nichts auf; ohne Netz bleibt die Liste geschlossen.',
  'This device was not prepared for the time without a network. What is sealed stays and is sent later.':
    'Dieses Gerät ist nicht für die Zeit ohne Netz vorbereitet. Was versiegelt ist, bleibt und wird später gesendet.',
  'This passkey does not open this device. Use the one with which you prepared it, or connect to the network.':
    'Dieser Passkey öffnet dieses Gerät nicht. Den verwenden, mit dem Sie es vorbereitet haben, oder mit dem Netz verbinden.',
  'There is no network. Your list of patients is on this device, closed.': 'Kein Netz. Ihre Patientenliste ist auf diesem Gerät, geschlossen.',
  'Open my list with the passkey': 'Meine Liste mit dem Passkey öffnen',
  'When the network is away, this device can show whose wristband it reads. Your passkey opens the list then.':
    'Ohne Netz kann dieses Gerät zeigen, wessen Armband es liest. Ihr Passkey öffnet dann die Liste.',
  'No network: these patients are known to this page until {at}: keep it open.': 'Kein Netz: Diese Patienten kennt diese Seite bis {at}. Lassen Sie sie offen.',
  'You have no passkey yet. Add one on your account page, then press this again.': 'Sie haben noch keinen Passkey. Auf der Seite Konto einen anlegen, dann hier noch einmal wählen.',
  'To your account': 'Zum Konto',
  'Use this device offline': 'Dieses Gerät ohne Netz verwenden',
  'Your list is open.': 'Ihre Liste ist offen.',
  'This device is prepared.': 'Dieses Gerät ist vorbereitet.',
  'There is no network. Your passkey opens the screen.': 'Kein Netz. Ihr Passkey öffnet den Bildschirm.',
  'There is no network, and the screen stays locked until it is back. What is sealed is kept, and sent then.':
    'Kein Netz; der Bildschirm bleibt gesperrt, bis es wieder da ist. Was versiegelt ist, bleibt und wird dann gesendet.',
};
