package shop

import ()

// regionNames are the names behind the codes that shops keep, by country:
// ISO 3166-2's, and where WooCommerce or Shopify have codes of their own those
// too (China's and Mexico's). They are written as an address has them, and
// "code=name" each.
var regionNames = map[string]string{
	"AR": "A=Salta|B=Buenos Aires|C=Ciudad Autónoma de Buenos Aires|D=San Luis|E=Entre Ríos|F=La Rioja|" +
		"G=Santiago del Estero|H=Chaco|J=San Juan|K=Catamarca|L=La Pampa|M=Mendoza|N=Misiones|P=Formosa|" +
		"Q=Neuquén|R=Río Negro|S=Santa Fe|T=Tucumán|U=Chubut|V=Tierra del Fuego|W=Corrientes|X=Córdoba|" +
		"Y=Jujuy|Z=Santa Cruz",
	"BD": "01=Bandarban|02=Barguna|03=Bogra|04=Brahmanbaria|05=Bagerhat|06=Barisal|07=Bhola|08=Comilla|" +
		"09=Chandpur|10=Chittagong|11=Cox's Bazar|12=Chuadanga|13=Dhaka|14=Dinajpur|15=Faridpur|16=Feni|" +
		"17=Gopalganj|18=Gazipur|19=Gaibandha|20=Habiganj|21=Jamalpur|22=Jessore|23=Jhenaidah|" +
		"24=Jaipurhat|25=Jhalakati|26=Kishoreganj|27=Khulna|28=Kurigram|29=Khagrachari|30=Kushtia|" +
		"31=Lakshmipur|32=Lalmonirhat|33=Manikganj|34=Mymensingh|35=Munshiganj|36=Madaripur|37=Magura|" +
		"38=Moulvibazar|39=Meherpur|40=Narayanganj|41=Netrakona|42=Narsingdi|43=Narail|44=Natore|" +
		"45=Nawabganj|46=Nilphamari|47=Noakhali|48=Naogaon|49=Pabna|50=Pirojpur|51=Patuakhali|" +
		"52=Panchagarh|53=Rajbari|54=Rajshahi|55=Rangpur|56=Rangamati|57=Sherpur|58=Satkhira|" +
		"59=Sirajganj|60=Sylhet|61=Sunamganj|62=Shariatpur|63=Tangail|64=Thakurgaon",
	"BG": "01=Blagoevgrad|02=Burgas|03=Varna|04=Veliko Tarnovo|05=Vidin|06=Vratsa|07=Gabrovo|08=Dobrich|" +
		"09=Kardzhali|10=Kyustendil|11=Lovech|12=Montana|13=Pazardzhik|14=Pernik|15=Pleven|16=Plovdiv|" +
		"17=Razgrad|18=Ruse|19=Silistra|20=Sliven|21=Smolyan|22=Sofia-Grad|23=Sofia|24=Stara Zagora|" +
		"25=Targovishte|26=Haskovo|27=Shumen|28=Yambol",
	"BO": "C=Cochabamba|L=La Paz|N=Pando|O=Oruro|P=Potosí|S=Santa Cruz|T=Tarija",
	"CH": "AG=Aargau|AI=Appenzell Innerrhoden|AR=Appenzell Ausserrhoden|BE=Bern|BL=Basel-Landschaft|" +
		"BS=Basel-Stadt|FR=Fribourg|GE=Genève|GL=Glarus|GR=Graubünden|JU=Jura|LU=Luzern|NE=Neuchâtel|" +
		"NW=Nidwalden|OW=Obwalden|SG=St. Gallen|SH=Schaffhausen|SO=Solothurn|SZ=Schwyz|TG=Thurgau|" +
		"TI=Ticino|UR=Uri|VD=Vaud|VS=Valais|ZG=Zug|ZH=Zürich",
	"CL": "AI=Aysén|AN=Antofagasta|AP=Arica y Parinacota|AR=La Araucanía|AT=Atacama|BI=Biobío|CO=Coquimbo|" +
		"LI=Libertador General Bernardo O'Higgins|LL=Los Lagos|LR=Los Ríos|MA=Magallanes|ML=Maule|" +
		"NB=Ñuble|RM=Región Metropolitana de Santiago|TA=Tarapacá|VS=Valparaíso",
	"CN": "1=Yunnan|10=Shanghai|11=Jiangsu|12=Zhejiang|13=Anhui|14=Fujian|15=Jiangxi|16=Shandong|17=Henan|" +
		"18=Hubei|19=Hunan|2=Beijing|20=Guangdong|21=Guangxi|22=Hainan|23=Chongqing|24=Sichuan|" +
		"25=Guizhou|26=Shaanxi|27=Gansu|28=Qinghai|29=Ningxia|3=Tianjin|30=Macao|31=Tibet|32=Xinjiang|" +
		"4=Hebei|5=Shanxi|6=Inner Mongolia|7=Liaoning|8=Jilin|9=Heilongjiang|AH=Anhui|BJ=Beijing|" +
		"CQ=Chongqing|FJ=Fujian|GD=Guangdong|GS=Gansu|GX=Guangxi|GZ=Guizhou|HA=Henan|HB=Hubei|HE=Hebei|" +
		"HI=Hainan|HL=Heilongjiang|HN=Hunan|JL=Jilin|JS=Jiangsu|JX=Jiangxi|LN=Liaoning|NM=Inner Mongolia|" +
		"NX=Ningxia|QH=Qinghai|SC=Sichuan|SD=Shandong|SH=Shanghai|SN=Shaanxi|SX=Shanxi|TJ=Tianjin|" +
		"XJ=Xinjiang|XZ=Tibet|YN=Yunnan|ZJ=Zhejiang",
	"CO": "AMA=Amazonas|ANT=Antioquia|ARA=Arauca|ATL=Atlántico|BOL=Bolívar|BOY=Boyacá|CAL=Caldas|" +
		"CAQ=Caquetá|CAS=Casanare|CAU=Cauca|CES=Cesar|CHO=Chocó|COR=Córdoba|CUN=Cundinamarca|" +
		"DC=Bogotá D.C.|GUA=Guainía|GUV=Guaviare|HUI=Huila|LAG=La Guajira|MAG=Magdalena|MET=Meta|" +
		"NAR=Nariño|NSA=Norte de Santander|PUT=Putumayo|QUI=Quindío|RIS=Risaralda|SAN=Santander|" +
		"SAP=San Andrés, Providencia y Santa Catalina|SUC=Sucre|TOL=Tolima|VAC=Valle del Cauca|" +
		"VAU=Vaupés|VID=Vichada",
	"CR": "A=Alajuela|C=Cartago|G=Guanacaste|H=Heredia|L=Limón|P=Puntarenas|SJ=San José",
	"DE": "BB=Brandenburg|BE=Berlin|BW=Baden-Württemberg|BY=Bayern|HB=Bremen|HE=Hessen|HH=Hamburg|" +
		"MV=Mecklenburg-Vorpommern|NI=Niedersachsen|NW=Nordrhein-Westfalen|RP=Rheinland-Pfalz|" +
		"SH=Schleswig-Holstein|SL=Saarland|SN=Sachsen|ST=Sachsen-Anhalt|TH=Thüringen",
	"DO": "01=Distrito Nacional|02=Azua|03=Baoruco|04=Barahona|05=Dajabón|06=Duarte|07=La Estrelleta|" +
		"08=El Seibo|09=Espaillat|10=Independencia|11=La Altagracia|12=La Romana|13=La Vega|" +
		"14=María Trinidad Sánchez|15=Monte Cristi|16=Pedernales|17=Peravia|18=Puerto Plata|" +
		"19=Hermanas Mirabal|20=Samaná|21=San Cristóbal|22=San Juan|23=San Pedro de Macorís|" +
		"24=Sánchez Ramírez|25=Santiago|26=Santiago Rodríguez|27=Valverde|28=Monseñor Nouel|" +
		"29=Monte Plata|30=Hato Mayor|31=San José de Ocoa|32=Santo Domingo|33=Cibao Nordeste|" +
		"34=Cibao Noroeste|35=Cibao Norte|36=Cibao Sur|37=El Valle|38=Enriquillo|39=Higuamo|40=Ozama|" +
		"41=Valdesia|42=Yuma",
	"EC": "A=Azuay|B=Bolívar|C=Carchi|D=Orellana|E=Esmeraldas|F=Cañar|G=Guayas|H=Chimborazo|I=Imbabura|" +
		"L=Loja|M=Manabí|N=Napo|O=El Oro|P=Pichincha|R=Los Ríos|S=Morona-Santiago|" +
		"SD=Santo Domingo de los Tsáchilas|SE=Santa Elena|T=Tungurahua|U=Sucumbíos|W=Galápagos|" +
		"X=Cotopaxi|Y=Pastaza|Z=Zamora-Chinchipe",
	"EG": "ALX=Alexandria|ASN=Aswan|AST=Asyut|BA=Red Sea|BH=Beheira|BNS=Beni Suef|C=Cairo|DK=Dakahlia|" +
		"DT=Damietta|FYM=Faiyum|GH=Gharbia|GZ=Giza|IS=Ismailia|JS=South Sinai|KB=Qalyubia|" +
		"KFS=Kafr el-Sheikh|KN=Qena|LX=Luxor|MN=Minya|MNF=Monufia|MT=Matrouh|PTS=Port Said|SHG=Sohag|" +
		"SHR=Al Sharqia|SIN=North Sinai|SUZ=Suez|WAD=New Valley",
	"ES": "A=Alicante|AB=Albacete|AL=Almería|AV=Ávila|B=Barcelona|BA=Badajoz|BI=Bizkaia|BU=Burgos|" +
		"C=A Coruña|CA=Cádiz|CC=Cáceres|CE=Ceuta|CO=Córdoba|CR=Ciudad Real|CS=Castellón|CU=Cuenca|" +
		"GC=Las Palmas|GI=Girona|GR=Granada|GU=Guadalajara|H=Huelva|HU=Huesca|IB=Illes Balears|J=Jaén|" +
		"L=Lleida|LE=León|LO=La Rioja|LU=Lugo|M=Madrid|MA=Málaga|ML=Melilla|MU=Murcia|NA=Navarra|" +
		"O=Asturias|OR=Ourense|P=Palencia|PM=Illes Balears|PO=Pontevedra|S=Cantabria|SA=Salamanca|" +
		"SE=Sevilla|SG=Segovia|SO=Soria|SS=Gipuzkoa|T=Tarragona|TE=Teruel|TF=Santa Cruz de Tenerife|" +
		"TO=Toledo|V=Valencia|VA=Valladolid|VI=Araba/Álava|Z=Zaragoza|ZA=Zamora",
	"GR": "A=East Macedonia and Thrace|B=Central Macedonia|C=West Macedonia|D=Epirus|E=Thessaly|" +
		"F=Ionian Islands|G=West Greece|H=Central Greece|I=Attica|J=Peloponnese|K=North Aegean|" +
		"L=South Aegean|M=Crete",
	"GT": "AV=Alta Verapaz|BV=Baja Verapaz|CM=Chimaltenango|CQ=Chiquimula|ES=Escuintla|GU=Guatemala|" +
		"HU=Huehuetenango|IZ=Izabal|JA=Jalapa|JU=Jutiapa|PE=Petén|PR=El Progreso|QC=Quiché|" +
		"QZ=Quetzaltenango|RE=Retalhuleu|SA=Sacatepéquez|SM=San Marcos|SO=Sololá|SR=Santa Rosa|" +
		"SU=Suchitepéquez|TO=Totonicapán|ZA=Zacapa",
	"HN": "AT=Atlántida|CH=Choluteca|CL=Colón|CM=Comayagua|CP=Copán|CR=Cortés|EP=El Paraíso|" +
		"FM=Francisco Morazán|GD=Gracias a Dios|IB=Islas de la Bahía|IN=Intibucá|LE=Lempira|LP=La Paz|" +
		"OC=Ocotepeque|OL=Olancho|SB=Santa Bárbara|VA=Valle|YO=Yoro",
	"HU": "BA=Baranya|BE=Békés|BK=Bács-Kiskun|BU=Budapest|BZ=Borsod-Abaúj-Zemplén|CS=Csongrád|FE=Fejér|" +
		"GS=Győr-Moson-Sopron|HB=Hajdú-Bihar|HE=Heves|JN=Jász-Nagykun-Szolnok|KE=Komárom-Esztergom|" +
		"NO=Nógrád|PE=Pest|SO=Somogy|SZ=Szabolcs-Szatmár-Bereg|TO=Tolna|VA=Vas|VE=Veszprém|ZA=Zala",
	"ID": "AC=Aceh|BA=Bali|BB=Bangka Belitung|BE=Bengkulu|BT=Banten|GO=Gorontalo|JA=Jambi|JB=Jawa Barat|" +
		"JI=Jawa Timur|JK=DKI Jakarta|JT=Jawa Tengah|KB=Kalimantan Barat|KI=Kalimantan Timur|" +
		"KR=Kepulauan Riau|KS=Kalimantan Selatan|KT=Kalimantan Tengah|KU=Kalimantan Utara|LA=Lampung|" +
		"MA=Maluku|MU=Maluku Utara|NB=Nusa Tenggara Barat|NT=Nusa Tenggara Timur|PA=Papua|PB=Papua Barat|" +
		"PD=Papua Barat Daya|PE=Papua Pegunungan|PS=Papua Selatan|PT=Papua Tengah|RI=Riau|" +
		"SA=Sulawesi Utara|SB=Sumatera Barat|SG=Sulawesi Tenggara|SN=Sulawesi Selatan|SR=Sulawesi Barat|" +
		"SS=Sumatera Selatan|ST=Sulawesi Tengah|SU=Sumatera Utara|YO=DI Yogyakarta",
	"IE": "CE=Co. Clare|CN=Co. Cavan|CO=Co. Cork|CW=Co. Carlow|D=Co. Dublin|DL=Co. Donegal|G=Co. Galway|" +
		"KE=Co. Kildare|KK=Co. Kilkenny|KY=Co. Kerry|LD=Co. Longford|LH=Co. Louth|LK=Co. Limerick|" +
		"LM=Co. Leitrim|LS=Co. Laois|MH=Co. Meath|MN=Co. Monaghan|MO=Co. Mayo|OY=Co. Offaly|" +
		"RN=Co. Roscommon|SO=Co. Sligo|TA=Co. Tipperary|WD=Co. Waterford|WH=Co. Westmeath|WW=Co. Wicklow|" +
		"WX=Co. Wexford",
	"IN": "AN=Andaman and Nicobar Islands|AP=Andhra Pradesh|AR=Arunachal Pradesh|AS=Assam|BR=Bihar|" +
		"CG=Chhattisgarh|CH=Chandigarh|CT=Chhattisgarh|DD=Daman and Diu|" +
		"DH=Dadra and Nagar Haveli and Daman and Diu|DL=Delhi|DN=Dadra and Nagar Haveli|GA=Goa|" +
		"GJ=Gujarat|HP=Himachal Pradesh|HR=Haryana|JH=Jharkhand|JK=Jammu and Kashmir|KA=Karnataka|" +
		"KL=Kerala|LA=Ladakh|LD=Lakshadweep|MH=Maharashtra|ML=Meghalaya|MN=Manipur|MP=Madhya Pradesh|" +
		"MZ=Mizoram|NL=Nagaland|OD=Odisha|OR=Odisha|PB=Punjab|PY=Puducherry|RJ=Rajasthan|SK=Sikkim|" +
		"TG=Telangana|TN=Tamil Nadu|TR=Tripura|TS=Telangana|UK=Uttarakhand|UP=Uttar Pradesh|" +
		"UT=Uttarakhand|WB=West Bengal",
	"JM": "01=Kingston|02=Saint Andrew|03=Saint Thomas|04=Portland|05=Saint Mary|06=Saint Ann|07=Trelawny|" +
		"08=Saint James|09=Hanover|10=Westmoreland|11=Saint Elizabeth|12=Manchester|13=Clarendon|" +
		"14=Saint Catherine",
	"MX": "AG=Aguascalientes|AGS=Aguascalientes|AGU=Aguascalientes|BC=Baja California|BCN=Baja California|" +
		"BCS=Baja California Sur|BS=Baja California Sur|CAM=Campeche|CDMX=Ciudad de México|CH=Chihuahua|" +
		"CHH=Chihuahua|CHIH=Chihuahua|CHIS=Chiapas|CHP=Chiapas|CL=Colima|CM=Campeche|" +
		"CMX=Ciudad de México|CO=Coahuila|COA=Coahuila|COL=Colima|CS=Chiapas|DF=Ciudad de México|" +
		"DG=Durango|DGO=Durango|DUR=Durango|GR=Guerrero|GRO=Guerrero|GT=Guanajuato|GTO=Guanajuato|" +
		"GUA=Guanajuato|HG=Hidalgo|HGO=Hidalgo|HID=Hidalgo|JA=Jalisco|JAL=Jalisco|MEX=Estado de México|" +
		"MI=Michoacán|MIC=Michoacán|MICH=Michoacán|MO=Morelos|MOR=Morelos|MX=Estado de México|NA=Nayarit|" +
		"NAY=Nayarit|NL=Nuevo León|NLE=Nuevo León|OA=Oaxaca|OAX=Oaxaca|PU=Puebla|PUE=Puebla|" +
		"Q ROO=Quintana Roo|QR=Quintana Roo|QRO=Querétaro|QT=Querétaro|QUE=Querétaro|ROO=Quintana Roo|" +
		"SI=Sinaloa|SIN=Sinaloa|SL=San Luis Potosí|SLP=San Luis Potosí|SO=Sonora|SON=Sonora|TAB=Tabasco|" +
		"TAM=Tamaulipas|TAMPS=Tamaulipas|TB=Tabasco|TL=Tlaxcala|TLA=Tlaxcala|TLAX=Tlaxcala|TM=Tamaulipas|" +
		"VE=Veracruz|VER=Veracruz|YU=Yucatán|YUC=Yucatán|ZA=Zacatecas|ZAC=Zacatecas",
	"MY": "JHR=Johor|KDH=Kedah|KTN=Kelantan|KUL=Kuala Lumpur|LBN=Labuan|MLK=Melaka|NSN=Negeri Sembilan|" +
		"PHG=Pahang|PJY=Putrajaya|PLS=Perlis|PNG=Pulau Pinang|PRK=Perak|SBH=Sabah|SGR=Selangor|" +
		"SWK=Sarawak|TRG=Terengganu",
	"NG": "AB=Abia|AD=Adamawa|AK=Akwa Ibom|AN=Anambra|BA=Bauchi|BE=Benue|BO=Borno|BY=Bayelsa|" +
		"CR=Cross River|DE=Delta|EB=Ebonyi|ED=Edo|EK=Ekiti|EN=Enugu|FC=Abuja|GO=Gombe|IM=Imo|JI=Jigawa|" +
		"KD=Kaduna|KE=Kebbi|KN=Kano|KO=Kogi|KT=Katsina|KW=Kwara|LA=Lagos|NA=Nasarawa|NI=Niger|OG=Ogun|" +
		"ON=Ondo|OS=Osun|OY=Oyo|PL=Plateau|RI=Rivers|SO=Sokoto|TA=Taraba|YO=Yobe|ZA=Zamfara",
	"NI": "AN=Atlántico Norte|AS=Atlántico Sur|BO=Boaco|CA=Carazo|CI=Chinandega|CO=Chontales|ES=Estelí|" +
		"GR=Granada|JI=Jinotega|LE=León|MD=Madriz|MN=Managua|MS=Masaya|MT=Matagalpa|NS=Nueva Segovia|" +
		"RI=Rivas|SJ=Río San Juan",
	"NZ": "AK=Auckland|AUK=Auckland|BOP=Bay of Plenty|BP=Bay of Plenty|CAN=Canterbury|CT=Canterbury|" +
		"GI=Gisborne|GIS=Gisborne|HB=Hawke's Bay|HKB=Hawke's Bay|MB=Marlborough|MBH=Marlborough|" +
		"MW=Manawatū-Whanganui|MWT=Manawatū-Whanganui|NL=Northland|NS=Nelson|NSN=Nelson|NTL=Northland|" +
		"OT=Otago|OTA=Otago|SL=Southland|STL=Southland|TAS=Tasman|TK=Taranaki|TKI=Taranaki|TM=Tasman|" +
		"WA=Waikato|WC=West Coast|WE=Wellington|WGN=Wellington|WKO=Waikato|WTC=West Coast",
	"PA": "1=Bocas del Toro|10=Panamá Oeste|2=Coclé|3=Colón|4=Chiriquí|5=Darién|6=Herrera|7=Los Santos|" +
		"8=Panamá|9=Veraguas|EM=Emberá|KY=Guna Yala|NB=Ngöbe-Buglé",
	"PE": "AMA=Amazonas|ANC=Ancash|APU=Apurímac|ARE=Arequipa|AYA=Ayacucho|CAJ=Cajamarca|CAL=El Callao|" +
		"CUS=Cusco|HUC=Huánuco|HUV=Huancavelica|ICA=Ica|JUN=Junín|LAL=La Libertad|LAM=Lambayeque|" +
		"LIM=Lima|LMA=Municipalidad Metropolitana de Lima|LOR=Loreto|MDD=Madre de Dios|MOQ=Moquegua|" +
		"PAS=Pasco|PIU=Piura|PUN=Puno|SAM=San Martín|TAC=Tacna|TUM=Tumbes|UCA=Ucayali",
	"PH": "00=Metro Manila|ABR=Abra|AGN=Agusan del Norte|AGS=Agusan del Sur|AKL=Aklan|ALB=Albay|ANT=Antike|" +
		"APA=Apayao|AUR=Aurora|BAN=Bataan|BAS=Basilan|BEN=Benguet|BIL=Biliran|BOH=Bohol|BTG=Batangas|" +
		"BTN=Batanes|BUK=Bukidnon|BUL=Bulacan|CAG=Cagayan|CAM=Camiguin|CAN=Camarines Norte|CAP=Capiz|" +
		"CAS=Camarines Sur|CAT=Catanduanes|CAV=Cavite|CEB=Cebu|COM=Davao de Oro|DAO=Davao Oriental|" +
		"DAS=Davao del Sur|DAV=Davao del Norte|DIN=Dinagat Islands|DVO=Davao Occidental|" +
		"EAS=Eastern Samar|GUI=Guimaras|IFU=Ifugao|ILI=Iloilo|ILN=Hilagang Iloko|ILS=Ilocos Sur|" +
		"ISA=Isabela|KAL=Kalinga|LAG=Laguna|LAN=Lanao del Norte|LAS=Lanao del Sur|LEY=Leyte|LUN=La Union|" +
		"MAD=Marinduke|MAG=Maguindanao|MAS=Masbate|MDC=Occidental Mindoro|MDR=Oriental Mindoro|" +
		"MOU=Lalawigang Bulubundukin|MSC=Misamis Occidental|MSR=Misamis Oriental|NCO=Cotabato|" +
		"NEC=Negros Occidental|NER=Negros Oriental|NSA=Northern Samar|NUE=Nueva Ecija|NUV=Nueva Vizcaya|" +
		"PAM=Pampanga|PAN=Pangasinan|PLW=Palawan|QUE=Quezon|QUI=Quirino|RIZ=Rizal|ROM=Romblon|" +
		"SAR=Sarangani|SCO=South Cotabato|SIG=Sikihor|SLE=Southern Leyte|SLU=Sulu|SOR=Sorsogon|" +
		"SUK=Sultan Kudarat|SUN=Surigao del Norte|SUR=Surigao del Sur|TAR=Tarlac|TAW=Tawi-Tawi|WSA=Samar|" +
		"ZAN=Zamboanga del Norte|ZAS=Zamboanga del Sur|ZMB=Zambales|ZSI=Zamboanga Sibugay",
	"PK": "BA=Balochistan|GB=Gilgit-Baltistan|IS=Islamabad|JK=Azad Kashmir|KP=Khyber Pakhtunkhwa|PB=Punjab|" +
		"SD=Sindh|TA=FATA",
	"PY": "1=Concepción|10=Alto Paraná|11=Central|12=Ñeembucú|13=Amambay|14=Canindeyú|15=Presidente Hayes|" +
		"16=Alto Paraguay|19=Boquerón|2=San Pedro|3=Cordillera|4=Guairá|5=Caaguazú|6=Caazapá|7=Itapúa|" +
		"8=Misiones|9=Paraguarí|ASU=Asunción",
	"RO": "AB=Alba|AG=Argeș|AR=Arad|B=București|BC=Bacău|BH=Bihor|BN=Bistrița-Năsăud|BR=Brăila|BT=Botoșani|" +
		"BV=Brașov|BZ=Buzău|CJ=Cluj|CL=Călărași|CS=Caraș-Severin|CT=Constanța|CV=Covasna|DB=Dâmbovița|" +
		"DJ=Dolj|GJ=Gorj|GL=Galați|GR=Giurgiu|HD=Hunedoara|HR=Harghita|IF=Ilfov|IL=Ialomița|IS=Iași|" +
		"MH=Mehedinți|MM=Maramureș|MS=Mureș|NT=Neamț|OT=Olt|PH=Prahova|SB=Sibiu|SJ=Sălaj|SM=Satu Mare|" +
		"SV=Suceava|TL=Tulcea|TM=Timiș|TR=Teleorman|VL=Vâlcea|VN=Vrancea|VS=Vaslui",
	"SV": "AH=Ahuachapán|CA=Cabañas|CH=Chalatenango|CU=Cuscatlán|LI=La Libertad|MO=Morazán|PA=La Paz|" +
		"SA=Santa Ana|SM=San Miguel|SO=Sonsonate|SS=San Salvador|SV=San Vicente|UN=La Unión|US=Usulután",
	"TH": "10=Bangkok|11=Samut Prakan|12=Nonthaburi|13=Pathum Thani|14=Ayutthaya|15=Ang Thong|16=Lop Buri|" +
		"17=Sing Buri|18=Chai Nat|19=Saraburi|20=Chon Buri|21=Rayong|22=Chanthaburi|23=Trat|" +
		"24=Chachoengsao|25=Prachin Buri|26=Nakhon Nayok|27=Sa Kaeo|30=Nakhon Ratchasima|31=Buri Ram|" +
		"32=Surin|33=Si Sa Ket|34=Ubon Ratchathani|35=Yasothon|36=Chaiyaphum|37=Amnat Charoen|" +
		"38=Bueng Kan|39=Nong Bua Lam Phu|40=Khon Kaen|41=Udon Thani|42=Loei|43=Nong Khai|" +
		"44=Maha Sarakham|45=Roi Et|46=Kalasin|47=Sakon Nakhon|48=Nakhon Phanom|49=Mukdahan|" +
		"50=Chiang Mai|51=Lamphun|52=Lampang|53=Uttaradit|54=Phrae|55=Nan|56=Phayao|57=Chiang Rai|" +
		"58=Mae Hong Son|60=Nakhon Sawan|61=Uthai Thani|62=Kamphaeng Phet|63=Tak|64=Sukhothai|" +
		"65=Phitsanulok|66=Phichit|67=Phetchabun|70=Ratchaburi|71=Kanchanaburi|72=Suphan Buri|" +
		"73=Nakhon Pathom|74=Samut Sakhon|75=Samut Songkhram|76=Phetchaburi|77=Prachuap Khiri Khan|" +
		"80=Nakhon Si Thammarat|81=Krabi|82=Phangnga|83=Phuket|84=Surat Thani|85=Ranong|86=Chumphon|" +
		"90=Songkhla|91=Satun|92=Trang|93=Phatthalung|94=Pattani|95=Yala|96=Narathiwat|S=Pattaya",
	"TR": "01=Adana|02=Adıyaman|03=Afyonkarahisar|04=Ağrı|05=Amasya|06=Ankara|07=Antalya|08=Artvin|" +
		"09=Aydın|10=Balıkesir|11=Bilecik|12=Bingöl|13=Bitlis|14=Bolu|15=Burdur|16=Bursa|17=Çanakkale|" +
		"18=Çankırı|19=Çorum|20=Denizli|21=Diyarbakır|22=Edirne|23=Elazığ|24=Erzincan|25=Erzurum|" +
		"26=Eskişehir|27=Gaziantep|28=Giresun|29=Gümüşhane|30=Hakkâri|31=Hatay|32=Isparta|33=Mersin|" +
		"34=İstanbul|35=İzmir|36=Kars|37=Kastamonu|38=Kayseri|39=Kırklareli|40=Kırşehir|41=Kocaeli|" +
		"42=Konya|43=Kütahya|44=Malatya|45=Manisa|46=Kahramanmaraş|47=Mardin|48=Muğla|49=Muş|50=Nevşehir|" +
		"51=Niğde|52=Ordu|53=Rize|54=Sakarya|55=Samsun|56=Siirt|57=Sinop|58=Sivas|59=Tekirdağ|60=Tokat|" +
		"61=Trabzon|62=Tunceli|63=Şanlıurfa|64=Uşak|65=Van|66=Yozgat|67=Zonguldak|68=Aksaray|69=Bayburt|" +
		"70=Karaman|71=Kırıkkale|72=Batman|73=Şırnak|74=Bartın|75=Ardahan|76=Iğdır|77=Yalova|78=Karabük|" +
		"79=Kilis|80=Osmaniye|81=Düzce",
	"UA": "05=Vinnytska oblast|07=Volynska oblast|09=Luhanska oblast|12=Dnipropetrovska oblast|" +
		"14=Donetska oblast|18=Zhytomyrska oblast|21=Zakarpatska oblast|23=Zaporizka oblast|" +
		"26=Ivano-Frankivska oblast|30=Kyiv|32=Kyivska oblast|35=Kirovohradska oblast|40=Sevastopol|" +
		"43=Crimea|46=Lvivska oblast|48=Mykolaivska oblast|51=Odeska oblast|53=Poltavska oblast|" +
		"56=Rivnenska oblast|59=Sumska oblast|61=Ternopilska oblast|63=Kharkivska oblast|" +
		"65=Khersonska oblast|68=Khmelnytska oblast|71=Cherkaska oblast|74=Chernihivska oblast|" +
		"77=Chernivetska oblast",
	"UY": "AR=Artigas|CA=Canelones|CL=Cerro Largo|CO=Colonia|DU=Durazno|FD=Florida|FS=Flores|LA=Lavalleja|" +
		"MA=Maldonado|MO=Montevideo|PA=Paysandú|RN=Río Negro|RO=Rocha|RV=Rivera|SA=Salto|SJ=San José|" +
		"SO=Soriano|TA=Tacuarembó|TT=Treinta y Tres",
	"VE": "A=Distrito Capital|B=Anzoátegui|C=Apure|D=Aragua|E=Barinas|F=Bolívar|G=Carabobo|H=Cojedes|" +
		"I=Falcón|J=Guárico|K=Lara|L=Mérida|M=Miranda|N=Monagas|O=Nueva Esparta|P=Portuguesa|R=Sucre|" +
		"S=Táchira|T=Trujillo|U=Yaracuy|V=Zulia|W=Dependencias Federales|X=Vargas|Y=Delta Amacuro|" +
		"Z=Amazonas",
	"ZA": "EC=Eastern Cape|FS=Free State|GP=Gauteng|GT=Gauteng|KZN=KwaZulu-Natal|LP=Limpopo|MP=Mpumalanga|" +
		"NC=Northern Cape|NL=KwaZulu-Natal|NW=North West|WC=Western Cape",
}
