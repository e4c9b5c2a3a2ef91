typedef unsigned char u8; typedef unsigned int u32; typedef unsigned long long u64;
static u8 buf[65536]; static u32 tab[256];
__attribute__((export_name("crc"))) u32 crc(u32 n){ for(u32 i=0;i<256;i++){u32 c=i;for(int k=0;k<8;k++)c=c&1?0xedb88320u^(c>>1):c>>1;tab[i]=c;} u32 c=~0u; for(u32 r=0;r<n;r++) for(u32 i=0;i<65536;i++){ buf[i]=(u8)(i*r); c=tab[(c^buf[i])&255]^(c>>8);} return ~c;}
__attribute__((export_name("sieve"))) u32 sieve(u32 n){ u32 cnt=0; for(u32 r=0;r<n;r++){ for(u32 i=0;i<65536;i++)buf[i]=1; cnt=0; for(u32 i=2;i<65536;i++) if(buf[i]){cnt++; for(u32 j=i+i;j<65536;j+=i)buf[j]=0;} } return cnt;}
__attribute__((noinline)) static u32 fibr(u32 n){ return n<2?n:fibr(n-1)+fibr(n-2);}
__attribute__((export_name("fib"))) u32 fib(u32 n){ return fibr(n);}
static int m[64*64],a[64*64],b2[64*64];
__attribute__((export_name("matmul"))) int matmul(u32 n){ for(u32 r=0;r<n;r++) for(int i=0;i<64;i++)for(int j=0;j<64;j++){int s=0;for(int k=0;k<64;k++)s+=a[i*64+k]*b2[k*64+j]+k;m[i*64+j]=s;a[i*64+j]^=s;} return m[77];}
/* JSON-like scanner */
static u32 depth,strs,nums;
__attribute__((export_name("scan"))) u32 scan(u32 n){ static const char t[]="{\"id\":1234,\"items\":[{\"sku\":\"A-1\",\"qty\":2,\"price\":\"12.50\"},{\"sku\":\"B\\\"2\",\"qty\":1}],\"ok\":true,\"note\":null}"; 
 for(u32 r=0;r<n;r++){ const char*p=t; while(*p){ switch(*p){ case '{':case '[':depth++;p++;break; case '}':case ']':depth--;p++;break; case '"': p++; while(*p!='"'){ if(*p=='\\')p++; p++;} p++; strs++; break; case '0'...'9': while(*p>='0'&&*p<='9')p++; nums++; break; default:p++; } } } return strs*7+nums*3+depth;}
