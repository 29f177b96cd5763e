package api

// scaleSheetPage shows the sheet of scale cards, to be printed. It is about no patient, and everybody who is signed in may have it.
func (s *Server) scaleSheetPage(visit) (sheet, error) {
	return sheet{name: "scale-sheet", title: "Scale cards", here: "/scale-sheet"}, nil
}
