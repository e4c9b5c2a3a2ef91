module plugins/loyalty

go 1.24
