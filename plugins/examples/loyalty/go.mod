module loyalty

go 1.24
